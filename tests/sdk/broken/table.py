"""The broken plugins of this folder: what the test does with each, and what the host makes of it.

ROWS has one row for each CASE_name of a source file. A row is an act, which is a test function of
test_broken.py, with what must be seen. `says` are regular expressions: each must match a line of
the log of the server, or of the refusal. NAME stands for the plugin.

The acts, and what each checks besides:

    refused   the start, --check and, with `info`, `spore plugin info` refuse the plugin; status 1
    ends      the start and --check end with this status, and with `info` the plugin is refused
    starts    the server starts, serves, reloads, and ends with status 0 at TERM
    knock     a client answers "break NAME" and is refused; the server then serves everybody else
    kills     a client answers "break NAME", and the server ends with this status
    reloads   a reload brings the plugin; with a status the server ends, else it serves on
    stops     the server with the plugin ends with this status at TERM
    hangs     a client answers "break NAME", and its worker hangs; the others and `ctl` go on
    stream    a connection from 127.0.0.66 meets a fault of a transport; others are served
"""

import dataclasses
import signal

SEGV, ABRT = -signal.SIGSEGV, -signal.SIGABRT

# Parts of the lines that many rows expect.
BY = r" plugin=NAME\b"
UNDECIDED = rf"error auth plugin could not decide{BY} status=.* then=deny"
CHANGED = rf"warn  plugin changed the state of the process{BY} call=create "
EXITED = rf"error plugin called exit\(\){BY}"


def crashed(number, plugin="NAME"):
    return rf"error crashed signal={number} .*\bplugin={plugin}\b"


def says(status):
    """The plugin logs what a function of the host has returned."""
    return rf"the host says {status}{BY}"


def bad(call, argument):
    return rf'warn  plugin passed a bad argument{BY} call={call} argument="{argument}'


def broke(call, error):
    return (
        r"error transport broke the contract of spore/transport\.h: its connection ends"
        rf'{BY} call={call or "[a-z]+"} error="{error}'
    )


@dataclasses.dataclass(frozen=True)
class Row:
    act: str
    says: tuple
    status: int = None
    info: str = None  # the refusal that `plugin info` reports
    allowed: bool = False  # knock: the client is let in
    memory: bool = False  # a sanitizer reports this fault, or ends the process first
    silent: bool = False  # stream: the client sends nothing and waits for the end
    warns: bool = False  # plugin info and --check say the same as the start


def refused(*lines, info=None):
    return Row("refused", lines, 1, info)


def ends(status, *lines, info=None, memory=False):
    return Row("ends", lines, status, info, memory=memory)


def starts(*lines, **more):
    return Row("starts", lines, 0, **more)


def knock(*lines, **more):
    return Row("knock", lines, **more)


def kills(status, *lines, **more):
    return Row("kills", lines, status, **more)


def reloads(*lines, status=None):
    return Row("reloads", lines, status)


def stops(status, *lines, **more):
    return Row("stops", lines, status, **more)


def hangs(*lines):
    return Row("hangs", lines)


def stream(*lines, **more):
    return Row("stream", lines, **more)


# With a start_timeout of half a second.
GIVEN_UP = (
    r"was given up after 500 ms \(plugins\.start_timeout\): plugin {} has not returned from {}"
)
FILE = r"/.*/auth_NAME\.so"

LIFE = {
    "constructor_hangs": ends(1, GIVEN_UP.format(FILE, "its constructors")),
    "create_hangs": ends(1, GIVEN_UP.format("NAME", r"create\(\)")),
    "create_hangs_on_reload": reloads(
        r"reload refused, configuration unchanged error=.*"
        r"given up: plugin NAME has not returned from create\(\)"
    ),
    "worker_start_hangs": ends(1, GIVEN_UP.format("NAME", r"worker_start\(\)")),
    "constructor_exits": ends(
        1,
        r"error plugin called exit\(\) plugin=/.*/auth_NAME\.so thread=control$",
        info="loading it ends the process with status 0",
    ),
    "constructor_crashes": ends(
        SEGV,
        crashed("SEGV", r"/.*/auth_NAME\.so"),
        info="loading it kills the process with signal 11",
    ),
    "create_exits": ends(1, EXITED),
    "create_crashes": ends(SEGV, crashed("SEGV")),
    "create_aborts": ends(ABRT, crashed("ABRT")),
    "create_returns_42": refused(r"cannot create plugin NAME: .*42"),
    "create_is_pending": refused(r"cannot create plugin NAME: .*SPORE_EPENDING"),
    "create_and_a_report": refused(r"/auth/0/text: it is not to my taste"),
    "create_reports_nonsense": refused(
        r"/auth/0: refused by the plugin", r"/auth/0no/pointer/at all: \?\[2J\?"
    ),
    "create_keeps_args": knock(bad("report", r"called outside of create\(\)")),
    "create_exits_on_reload": reloads(EXITED, status=1),
    "worker_start_fails_on_one": refused(
        r"cannot start plugin NAME on worker 1: its back-end failed"
    ),
    "worker_start_returns_42": refused(r"cannot start plugin NAME on worker 0: .*42"),
    "worker_start_crashes": ends(SEGV, crashed("SEGV")),
    "drain_crashes": stops(SEGV, crashed("SEGV")),
    "drain_hangs": stops(1, rf"error plugin hangs{BY}"),
    "stop_frees_twice": stops(ABRT, crashed("ABRT"), memory=True),
    "stop_hangs": stops(1, rf"error plugin hangs{BY}"),
    "destroy_crashes": stops(SEGV, crashed("SEGV")),
    "destroy_frees_twice": stops(ABRT, crashed("ABRT"), memory=True),
    "destroy_posts": stops(0),
}

STATE = {
    "blocks_all_signals": starts(CHANGED + r'restored="signal mask"'),
    "catches_ends": starts(CHANGED + r'restored="TERM handler, INT handler, HUP handler"'),
    "catches_faults": kills(
        SEGV, CHANGED + r'restored="SEGV handler, BUS handler"', crashed("SEGV")
    ),
    "wants_sigpipe": starts(CHANGED + r'restored="PIPE handler"'),
    "masks_all_modes": starts(CHANGED + "restored=umask"),
    "leaves_the_folder": starts(CHANGED + r'restored="working directory"'),
    "needs_three_descriptors": starts(CHANGED + r'restored="descriptor limit"'),
    "closes_the_output": starts(CHANGED + r'restored="standard output, standard error"'),
    "replaces_the_output": starts(CHANGED + r'restored="standard output"'),
    "writes_to_the_output": starts(r"^noise on standard error$"),
    "closes_many_descriptors": ends(
        1, rf"error plugin closed descriptors of the process{BY}", memory=True
    ),
    "keeps_the_locks_of_stdio": knock(),
}

VERDICTS = {
    "returns_true": knock(UNDECIDED),
    "returns_ok": knock(UNDECIDED),
    "returns_again": knock(UNDECIDED),
    "never_decides": knock(rf"warn  auth plugin gave no verdict in time{BY}"),
    "completes_and_returns": knock(
        r"error auth plugin completed its ticket but did not return SPORE_EPENDING"
        rf"{BY} returned=23041"
    ),
    "completes_twice": knock(rf"first 0{BY}", rf"second -3{BY}"),
    "completes_another_kind": knock(
        rf"answer -4{BY}",
        rf"handshake -4{BY}",
        rf"verdict -4{BY}",
        bad("complete_answer", "ticket: of another kind"),
    ),
    "completes_invented_tickets": knock(rf"accepted 0{BY}"),
    "completes_from_two_threads": knock(rf"completed 1 times{BY}"),
    "completes_in_cancel": knock(rf"in cancel -3{BY}"),
    "inverted_ports": knock(says(-4), bad("complete_verify", ".*ports")),
    "ports_without_a_list": knock(says(-4), bad("complete_verify", ".*ports")),
    "endless_ports": knock(says(-4), bad("complete_verify", ".*ports")),
    "hostile_identity": knock(says(-4), bad("complete_verify", ".*identity")),
    "identity_of_100_kb": knock(says(-4), bad("complete_verify", ".*identity")),
    "identity_without_text": knock(says(-4), bad("complete_verify", ".*identity")),
    "reason_without_text": knock(says(-4), bad("complete_verify", ".*reason")),
    "limits_of_nothing": knock(says(-4), bad("complete_verify", ".*(fields|life)")),
    "result_of_size_0": knock(says(-4), bad("complete_verify", ".*struct_size")),
    "result_of_a_huge_size": knock(says(0), allowed=True),
}

CALLS = {
    "timer_in_the_past": knock(says(-4), bad("timer_start", ".*after_ms")),
    "timer_repeats_backwards": knock(says(-4), bad("timer_start", ".*repeat_ms")),
    "timer_for_ever": knock(says(0)),
    "timer_without_function": knock(says(-4), bad("timer_start", ".*NULL")),
    "timer_without_worker": knock(says(-4), bad("timer_start", ".*NULL")),
    "timer_stopped_twice": knock(
        says(-3), rf"and then 0{BY}", bad("timer_stop", "the handle is stale")
    ),
    "timer_of_another_thread": knock(says(-4), bad("timer_start", ".*thread")),
    "timers_leak": stops(0, rf"warn  plugin leaked timers, watchers or look-ups{BY} count=3"),
    "watches_minus_one": knock(says(-4), bad("io_start", "fd")),
    "watches_a_closed_descriptor": knock(
        says(-4), bad("io_start", "fd (is not open|would watch itself)")
    ),
    "watches_a_file": knock(says(-7), bad("io_start", "fd")),
    "watches_for_nonsense": knock(says(-4), bad("io_start", ".*events")),
    "watches_a_huge_descriptor": knock(says(-4), bad("io_start", "fd")),
    "closes_before_it_stops": knock(says(-4), bad("io_stop", "fd was closed")),
    "posts_nothing": knock(says(-4), bad("post", "fn is NULL")),
    "offloads_nothing": knock(says(-4), bad("offload", ".*NULL")),
    "resolves_nothing": knock(says(-4), bad("resolve", ".*name")),
    "resolves_a_long_name": knock(says(-4), bad("resolve", ".*name")),
    "logs_nothing": knock(bad("log", "fields is NULL")),
    "logs_for_the_terminal": knock(
        rf"error \\x0a2026-01-01T00:00:00Z error all is lost\\x1b\[2J{BY} "
    ),
    "asks_for_no_extension": knock(rf"extension \(nil\){BY}", bad("get_extension", "id is NULL")),
    "updates_unknown_series": knock(bad("metric_set", ".*series")),
    "registers_bad_families": starts(
        rf"accepted 0{BY}", rf"error metric refused{BY} metric=spore_NAME_Total "
    ),
    "asks_a_connection_for_nothing": knock(rf"attribute 0{BY}", bad("conn_attr", "key is NULL")),
    "revalidates_nobody": knock(says(-4), bad("auth_revalidate", ".*identity")),
    "listens_nowhere": starts(says(-4), bad("listener_get", "address is not an IP address")),
}

THREADS = {
    "thread_crashes": kills(SEGV, crashed("SEGV", r"/.*/auth_NAME\.so")),
    "thread_takes_signals": starts(),
    "thread_blocks_signals": starts(),
    "thread_outlives_it": stops(0),
    "thread_completes_late": knock(rf"late -3{BY}"),
    "ends_the_worker": kills(1, rf"error plugin ended a thread of the host{BY}", memory=True),
    "cancels_the_worker": kills(1, rf"error plugin ended a thread of the host{BY}", memory=True),
    "ends_main": ends(1, rf"error plugin ended a thread of the host{BY}", memory=True),
    "forks_and_returns_twice": knock(rf"error plugin forked and returned in the child{BY}"),
    "forks_in_create": starts(rf"error plugin forked and returned in the child{BY}"),
    "unloads_itself": knock(rf"still there{BY}"),
    "recurses_for_ever": kills(SEGV, crashed("SEGV")),
    "allocates_on_the_stack": kills(SEGV, crashed("SEGV")),
    "crashes": kills(SEGV, crashed("SEGV")),
    "aborts": kills(ABRT, crashed("ABRT")),
    "exits": kills(1, EXITED),
    "hangs": hangs(rf"error plugin hangs{BY} call=verify "),
    "spins": hangs(rf"error plugin hangs{BY} call=verify "),
    "jumps_out": kills(ABRT, crashed("ABRT"), memory=True),
    "is_slow": knock(rf"warn  plugin blocked a worker{BY}"),
    "frees_the_request": kills(ABRT, crashed("ABRT"), memory=True),
    "frees_its_options": kills(ABRT, crashed("ABRT"), memory=True),
    "writes_to_the_hosts_table": kills(SEGV, crashed("SEGV")),
    "throws_in_create": ends(ABRT, crashed("ABRT")),
    "throws_in_verify": kills(ABRT, crashed("ABRT")),
}

NAMES = {
    "has_its_own_log": starts(
        r"warn  plugin exports names that this process already defines "
        r"plugin=/.*/auth_NAME\.so names=log$",
        warns=True,
    ),
    "has_its_own_libraries": starts(
        r"warn  plugin exports names that this process already defines "
        r'plugin=/.*/auth_NAME\.so names="(?=.*cJSON_Parse)(?=.*ev_run)(?=.*EVP_Digest)'
        r'(?!.*its_own_helper).*"$',
        warns=True,
    ),
    "exports_too_much": starts(),
}

OPTIONS = r'its component "NAME" has a wrong option table: '
TABLES = {
    "entry_hangs": ends(1, GIVEN_UP.format(FILE, r"spore_plugin_v1\(\)")),
    "entry_crashes": ends(
        SEGV,
        crashed("SEGV", r"/.*/auth_NAME\.so"),
        info="loading it kills the process with signal 11",
    ),
    "entry_differs": starts(),
    "another_name_than_its_note": refused(
        r'its ABI note has the name "auth_broken", but spore_plugin_v1\(\) returned "auth_hmac"',
        info='its ABI note has the name "auth_broken", but spore_plugin_v1() returned "auth_hmac"',
    ),
    "requires_nonsense": refused(
        r'it needs the host extension "\\x1b\[2J\\x0a", which this host does not have',
        info="which this host does not have",
    ),
    "lies_about_its_size": refused(
        r"spore_plugin_v1\(\) returned no plugin", info="spore_plugin_v1() returned no plugin"
    ),
    "changes_after_loading": kills(SEGV, crashed("SEGV")),
    "component_of_kind_77": refused(r'has no auth component "NAME": none available'),
    "component_is_cut": refused(
        r"one of its components has no name or is truncated",
        info="one of its components has no name or is truncated",
    ),
    "component_that_claims_more": starts(),
    "component_with_a_path": refused(
        r'one of its components has the name "b/\.\./b": expected a lower-case letter',
        info="expected a lower-case letter",
    ),
    "component_with_no_name": refused(
        r"one of its components has no name or is truncated",
        info="one of its components has no name or is truncated",
    ),
    "component_with_a_long_name": refused(
        r'has the name "a1234567890.*": expected a lower-case letter', info="at most 63 in all"
    ),
    "operations_are_cut": refused(
        r'its component "NAME" lacks the mandatory slot: verify',
        info="lacks the mandatory slot: verify",
    ),
    "conf_of_4_gb": refused(
        r'"NAME" has the conf_size 4294967280: expected at most 1048576', info="conf_size"
    ),
    "two_components_of_one_name": refused(
        r'it has two auth components "NAME"', info='it has two auth components "NAME"'
    ),
    "summary_for_the_terminal": starts(),
    "option_outside": refused(
        OPTIONS + r"a row whose field lies outside its struct", info="outside its struct"
    ),
    "option_at_an_odd_offset": refused(
        OPTIONS + r'"generation" has the offset 3, which is not aligned', info="not aligned"
    ),
    "option_without_a_name": refused(OPTIONS + r"an incomplete row", info="an incomplete row"),
    "option_of_the_host": refused(
        OPTIONS + r'a row has the name "use", which is a key of the host', info="key of the host"
    ),
    "option_of_type_99": refused(
        OPTIONS + r'"generation" has the type 99, which this host does not know', info="type 99"
    ),
    "option_with_a_wrong_default": refused(
        OPTIONS + r'the default of "generation" is 77', info="is 77"
    ),
    "options_of_one_name": refused(OPTIONS + r"two rows of one name", info="of one name"),
    "option_contains_itself": refused(
        OPTIONS + r"more than 8 levels, or a table that contains itself", info="option table"
    ),
    "option_without_choices": refused(OPTIONS + r"an incomplete row", info="an incomplete row"),
    "option_with_empty_choices": refused(
        OPTIONS + r'"generation" has an empty choice', info="an empty choice"
    ),
    "option_with_another_choice": refused(OPTIONS + r"the default of", info="the default of"),
    "list_without_items": refused(OPTIONS + r"an incomplete row", info="an incomplete row"),
    "rows_of_another_size": refused(OPTIONS, info="option table"),
    "rows_without_a_table": refused(OPTIONS, info="option table"),
    "option_with_a_hostile_doc": starts(),
}

REFUSED = r"error connection refused peer=127\.0\.0\.66:\d+ reason=\""
TRANSPORTS = {
    "handshake_never_ends": stream(),
    "handshake_waits_for_nothing": stream(broke("handshake", "")),
    "handshake_returns_5": stream(broke("handshake", r"handshake\(\) returned 5: expected")),
    "handshake_spins": stream(broke("handshake", "")),
    "handshake_completes_others": stream(bad("complete_verify", "ticket: of another kind")),
    "reads_too_much": stream(broke("readv", r"readv\(\) returned 1\d+ bytes: its buffers hold")),
    "reads_a_huge_number": stream(broke("readv", r"readv\(\) returned 9223372036854775807 bytes")),
    "reads_an_unknown_error": stream(broke("readv", r"readv\(\) returned -77777: expected")),
    "reads_and_is_pending": stream(broke("readv", r"readv\(\) returned -2: expected")),
    "reads_and_waits_for_nothing": stream(broke("readv", "")),
    "reads_and_wants_to_write": stream(broke("", "")),
    "writes_too_much": stream(broke("writev", r"writev\(\) returned 1\d+ bytes")),
    "writes_an_end": stream(broke("writev", r"writev\(\) returned 0: expected")),
    "writes_and_spins": stream(broke("", ""), silent=True),
    "flushes_for_ever": stream(broke("flush", ""), silent=True),
    "flush_returns_7": stream(broke("flush", r"flush\(\) returned 7: expected")),
    "shuts_down_for_ever": stream(broke("", "")),
    "always_has_a_byte": stream(broke("", ""), silent=True),
    "always_has_all_bytes": stream(broke("", ""), silent=True),
    "wraps_in_nothing": stream(
        REFUSED + r"transport NAME returned no stream: wrap\(\) returned SPORE_OK, but NULL"
    ),
    "wraps_without_operations": stream(
        REFUSED + "transport NAME returned a stream whose ops are not its stream_ops"
    ),
    "wrap_returns_42": stream(REFUSED + "transport NAME returned no stream: unknown status 42"),
    "has_no_shutdown": refused(r"lacks the mandatory slot: stream_ops\.shutdown", info="shutdown"),
    "close_does_nothing": stream(broke("close", r"close\(\) did not close the stream below")),
    "crashes_in_readv": Row("stream", (crashed("SEGV"),), SEGV),
    "has_no_error_text": stream(),
    "has_a_hostile_error_text": stream(),
    "has_endless_attributes": stream(),
}

ROWS = {**LIFE, **STATE, **VERDICTS, **CALLS, **THREADS, **NAMES, **TABLES, **TRANSPORTS}
