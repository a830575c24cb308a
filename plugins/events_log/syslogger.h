/* syslogger - sends lines to the system's log, a datagram each, as in RFC 3164.
 *
 * The C library's syslog() has one state for the whole process, so it is not for a plugin. */
#ifndef EVENTS_LOG_SYSLOGGER_H
#define EVENTS_LOG_SYSLOGGER_H

#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#define SYSLOGGER_FACILITIES                                                                       \
	"daemon|auth|authpriv|user|local0|local1|local2|local3|local4|local5|local6|local7"

struct syslogger {
	const char *path; /* of the socket; borrowed */
	int64_t facility; /* index in SYSLOGGER_FACILITIES */
	int fd;           /* owned; -1: not connected */
	bool is_stuck;    /* the daemon did not read the last line in time */
};

void syslogger_init(struct syslogger *logger, const char *path, int64_t facility);
void syslogger_fini(struct syslogger *logger);
/* False, with errno: the line is lost. Waits for at most a second, or not at all if the line before
 * has waited in vain: a take() of many lines must not last for minutes. */
bool syslogger_send(struct syslogger *logger, bool is_notice, spore_str line);

#endif
