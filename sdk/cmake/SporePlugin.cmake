# spore_add_plugin(NAME SOURCE...) - a shared object that Spore loads.
#
# It exports one symbol, leaves none undefined (-z defs), and, in C++, shares no data with another
# version of itself (-fno-gnu-unique).
function(spore_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE spore-sdk)
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" C_VISIBILITY_PRESET hidden
                        CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${name} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fno-gnu-unique>)
  # A sanitizer's runtime is the executable's, so its symbols stay undefined here.
  if(NOT SPORE_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
endfunction()
