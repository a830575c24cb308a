#include "quota/visitor_line.h"

#include "base/clock.h"
#include "log/log.h"
#include "net/addr.h"
#include "quota/account.h"

void visitor_line_write(enum log_level level, const char *event, const struct visitor_line *line)
{
	const struct account *account = line->account;
	char id[UUID_TEXT_SIZE], peer[ADDR_TEXT_SIZE];

	if (!log_is_enabled(level))
		return;
	uuid_format(&line->id, id);
	log_event(level, event,
	          (const struct log_field[]){ log_str("visitor", addr_format(&line->peer, peer)),
	                                      log_int("port", line->port),
	                                      log_int("tunnel", (int64_t)account->id),
	                                      log_str("identity", account_identity(account)),
	                                      log_int("bytes_up", (int64_t)line->bytes_up),
	                                      log_int("bytes_down", (int64_t)line->bytes_down),
	                                      log_int("duration_ms", clock_ms() - line->since_ms),
	                                      log_str("reason", line->reason), log_str("id", id),
	                                      log_str("error", line->error) },
	          line->error ? 10 : 9);
}
