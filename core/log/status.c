#include "log/status.h"

#include <stdio.h>

static const struct {
	int32_t status;
	const char *name, *text;
} statuses[] = {
	{ SPORE_OK, "SPORE_OK", "it reported success" },
	{ SPORE_EAGAIN, "SPORE_EAGAIN", "it would block" },
	{ SPORE_EPENDING, "SPORE_EPENDING", "it has not finished" },
	{ SPORE_ESTALE, "SPORE_ESTALE", "a ticket or handle is no longer valid" },
	{ SPORE_EINVAL, "SPORE_EINVAL", "an argument is invalid" },
	{ SPORE_ENOMEM, "SPORE_ENOMEM", "out of memory" },
	{ SPORE_ECONFIG, "SPORE_ECONFIG", "its configuration is wrong" },
	{ SPORE_EUNSUPPORTED, "SPORE_EUNSUPPORTED",
	  "it needs something that is not supported here" },
	{ SPORE_ECLOSED, "SPORE_ECLOSED", "the other side closed the connection" },
	{ SPORE_EPROTO, "SPORE_EPROTO", "the other side broke the protocol" },
	{ SPORE_ETIMEOUT, "SPORE_ETIMEOUT", "it took too long" },
	{ SPORE_EBACKEND, "SPORE_EBACKEND", "its back-end failed" },
	{ SPORE_ESYS, "SPORE_ESYS", "a system call failed" },
	{ SPORE_EBUSY, "SPORE_EBUSY", "a bounded queue is full" },
};

const char *status_text(int32_t status, char text_out[STATUS_TEXT_SIZE])
{
	snprintf(text_out, STATUS_TEXT_SIZE, "unknown status %d", status);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		if (statuses[i].status == status)
			snprintf(text_out, STATUS_TEXT_SIZE, "%s (%s)", statuses[i].text,
			         statuses[i].name);
	}
	return text_out;
}
