# Fills a document with what spore prints.
#
# usage: cmake -DSPORE=PROGRAM -DFROM=FILE -DTO=FILE [-DVERSION=VERSION] [-DWRAPPER=COMMAND] -P fill.cmake
#
#   @VERSION@                           in a template: Spore's version
#   @spore ARGUMENT...@                 a line of a template, replaced by the output of that command
#   @commands@                          the same, for the help of every subcommand except server, local and ctl
#   <!-- spore ARGUMENT... -->          a line of a page: the text from here to the next line
#   <!-- end -->                        like this one is replaced by the output; the two lines stay

cmake_minimum_required(VERSION 3.25)
separate_arguments(WRAPPER UNIX_COMMAND "${WRAPPER}")

# A manual page indents the help, which must fit 80 columns nevertheless.
if(FROM MATCHES "[.]md$")
  set(environment --unset=COLUMNS)
else()
  set(environment COLUMNS=69)
endif()

# Runs the program, without the machine's own configuration.
function(run_spore out)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=SPORE_CONFIG ${environment} ${WRAPPER} ${SPORE} ${ARGN}
    OUTPUT_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "spore ${ARGN}: ${status}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# The help of each subcommand that has no page of its own, as scdoc.
function(describe_commands out)
  set(result "")
  run_spore(usage --help)
  string(REGEX MATCHALL "\n  [a-z]+ " names "${usage}")
  foreach(name IN LISTS names)
    string(STRIP "${name}" name)
    if(NOT name MATCHES "^(server|local|ctl)$")
      run_spore(help ${name} --help)
      string(APPEND result "## spore ${name}\n\n```\n${help}```\n\n")
    endif()
  endforeach()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

# Splits a text at its first "BEGIN WORDS END". Without one, before_out is the whole text.
function(fill_next rest_in begin end before_out words_out rest_out)
  string(FIND "${rest_in}" "${begin}" at)
  if(at EQUAL -1)
    set(${before_out} "${rest_in}" PARENT_SCOPE)
    set(${words_out} "" PARENT_SCOPE)
    set(${rest_out} "" PARENT_SCOPE)
    return()
  endif()
  string(SUBSTRING "${rest_in}" 0 ${at} before)
  string(LENGTH "${begin}" length)
  math(EXPR at "${at} + ${length}")
  string(SUBSTRING "${rest_in}" ${at} -1 rest)
  string(FIND "${rest}" "${end}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${FROM}: expected \"${end}\" after \"${begin}\", found the end")
  endif()
  string(SUBSTRING "${rest}" 0 ${at} words)
  string(LENGTH "${end}" length)
  math(EXPR at "${at} + ${length}")
  string(SUBSTRING "${rest}" ${at} -1 rest)
  set(${before_out} "${before}" PARENT_SCOPE)
  set(${words_out} "${words}" PARENT_SCOPE)
  set(${rest_out} "${rest}" PARENT_SCOPE)
endfunction()

function(fill_template text_in out)
  set(result "")
  string(REPLACE "@VERSION@" "${VERSION}" rest "${text_in}")
  while(NOT rest STREQUAL "")
    fill_next("${rest}" "\n@" "@\n" before words rest)
    string(APPEND result "${before}")
    if(words STREQUAL "commands")
      describe_commands(printed)
      string(APPEND result "\n${printed}")
    elseif(NOT words STREQUAL "")
      separate_arguments(words UNIX_COMMAND "${words}")
      list(POP_FRONT words)
      run_spore(printed ${words})
      string(APPEND result "\n${printed}")
    endif()
  endwhile()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

function(fill_page text_in out)
  set(result "")
  set(rest "${text_in}")
  while(NOT rest STREQUAL "")
    fill_next("${rest}" "<!-- spore " "<!-- end -->" before words rest)
    string(APPEND result "${before}")
    if(NOT words STREQUAL "")
      string(REGEX REPLACE " -->.*" "" words "${words}")
      string(APPEND result "<!-- spore ${words} -->\n\n")
      separate_arguments(words UNIX_COMMAND "${words}")
      run_spore(printed ${words})
      string(APPEND result "${printed}<!-- end -->")
    endif()
  endwhile()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

file(READ ${FROM} text)
if(FROM MATCHES "[.]md$")
  fill_page("${text}" filled)
else()
  fill_template("${text}" filled)
endif()
file(WRITE ${TO} "${filled}")
