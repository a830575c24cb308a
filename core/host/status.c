#include "host/status.h"

#include <stdio.h>

static const struct {
	int32_t status;
	const char *name, *text;
} statuses[] = {
	{ SPORE_OK, "SPORE_OK", "it says that all is well" },
	{ SPORE_EAGAIN, "SPORE_EAGAIN", "it would have to wait" },
	{ SPORE_EPENDING, "SPORE_EPENDING", "it would finish later" },
	{ SPORE_ESTALE, "SPORE_ESTALE", "a ticket or handle is no longer alive" },
	{ SPORE_EINVAL, "SPORE_EINVAL", "an argument breaks the contract" },
	{ SPORE_ENOMEM, "SPORE_ENOMEM", "out of memory" },
	{ SPORE_ECONFIG, "SPORE_ECONFIG", "its configuration is wrong" },
	{ SPORE_EUNSUPPORTED, "SPORE_EUNSUPPORTED", "something it needs is not supported here" },
	{ SPORE_ECLOSED, "SPORE_ECLOSED", "the other side closed the connection" },
	{ SPORE_EPROTO, "SPORE_EPROTO", "the other side broke the protocol" },
	{ SPORE_ETIMEOUT, "SPORE_ETIMEOUT", "it took too long" },
	{ SPORE_EBACKEND, "SPORE_EBACKEND", "its back-end failed" },
	{ SPORE_ESYS, "SPORE_ESYS", "a system call failed" },
	{ SPORE_EBUSY, "SPORE_EBUSY", "a bounded queue is full" },
};

const char *status_text(int32_t status, char text_out[STATUS_TEXT_SIZE])
{
	snprintf(text_out, STATUS_TEXT_SIZE, "status %d, which is none", status);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		if (statuses[i].status == status)
			snprintf(text_out, STATUS_TEXT_SIZE, "%s (%s)", statuses[i].text,
			         statuses[i].name);
	}
	return text_out;
}
