#include "services/completions.h"

#include <string.h>

#include "host/grant.h"
#include "host/ticket.h"
#include "log/mistake.h"

static bool is_error(spore_status status)
{
	return status < 0 && status != SPORE_EAGAIN && status != SPORE_EPENDING;
}

static const char *status_fault(spore_status status)
{
	return status == SPORE_OK || is_error(status) ? NULL
	                                              : "status: neither SPORE_OK nor an error";
}

static const char *verdict_fault(int32_t verdict, const spore_auth_result *result)
{
	if (verdict == SPORE_ALLOW)
		return result ? grant_fault(result) : NULL;
	if (verdict == SPORE_DENY || verdict == SPORE_NEXT || verdict == SPORE_UNBOUND ||
	    is_error(verdict))
		return NULL;
	return "verdict: neither SPORE_ALLOW, DENY, NEXT, UNBOUND nor an error";
}

static const char *answer_fault(spore_status status, spore_str answer)
{
	if (status != SPORE_OK)
		return status_fault(status);
	if (!answer.ptr)
		return "answer: NULL";
	if (answer.len > SPORE_AUTH_ANSWER_MAX)
		return "answer: longer than SPORE_AUTH_ANSWER_MAX";
	return memchr(answer.ptr, 0, answer.len) ? "answer: it contains a NUL" : NULL;
}

/* Ends the operation in any case: a peer must not wait for the deadline because of a mistake. */
static spore_status complete(const char *call, spore_ticket ticket, enum ticket_kind kind,
                             const char *fault, const struct ticket_result *result)
{
	const struct ticket_result failure = { .status = SPORE_EINVAL };
	spore_status status = ticket_complete(ticket, kind, fault ? &failure : result);

	if (status == SPORE_EINVAL)
		return mistake(NULL, call, "ticket: of another kind");
	return fault ? mistake(NULL, call, fault) : status;
}

spore_status host_complete_verify(spore_ticket ticket, int32_t verdict,
                                  const spore_auth_result *result)
{
	struct ticket_result r = { .status = verdict };
	const char *fault = verdict_fault(verdict, result);

	if (!fault && verdict == SPORE_ALLOW && !(r.grant = grant_new(result)))
		return SPORE_ENOMEM;
	return complete("complete_verify", ticket, TICKET_VERIFY, fault, &r);
}

spore_status host_complete_answer(spore_ticket ticket, spore_status status, spore_str answer)
{
	struct ticket_result r = { .status = status };
	const char *fault = answer_fault(status, answer);

	if (!fault && status == SPORE_OK) {
		memcpy(r.answer, answer.ptr, answer.len);
		r.answer_len = answer.len;
	}
	return complete("complete_answer", ticket, TICKET_ANSWER, fault, &r);
}

spore_status host_complete_handshake(spore_ticket ticket, spore_status status)
{
	return complete("complete_handshake", ticket, TICKET_HANDSHAKE, status_fault(status),
	                &(struct ticket_result){ .status = status });
}

spore_status host_complete_start(spore_ticket ticket, spore_status status)
{
	return complete("complete_start", ticket, TICKET_START, status_fault(status),
	                &(struct ticket_result){ .status = status });
}
