/* bad - the parts of a plugin, each of which some bad plugin replaces. */
#ifndef BAD_H
#define BAD_H

#include <spore/auth.h>
#include <stdlib.h>

/* Aborts if any code of the file runs. */
#define BAD_CONSTRUCTOR                                                                            \
	__attribute__((constructor)) static void must_never_run(void)                              \
	{                                                                                          \
		abort();                                                                           \
	}

static inline spore_status bad_create(const spore_create_args *args, void **instance_out)
{
	(void)args;
	*instance_out = NULL;
	return SPORE_OK;
}

static inline void bad_destroy(void *instance)
{
	(void)instance;
}

static inline int32_t bad_verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return SPORE_DENY;
}

static const spore_auth_ops bad_ops = { .struct_size = sizeof bad_ops, .verify = bad_verify };

#define BAD_COMPONENT(name_, ops_)                                                                 \
	static const spore_component component = {                                                 \
		.struct_size = sizeof component,                                                   \
		.kind = SPORE_KIND_AUTH,                                                           \
		.name = name_,                                                                     \
		.ops = ops_,                                                                       \
		.create = bad_create,                                                              \
		.destroy = bad_destroy,                                                            \
	}

/* Only the note, for plugins with their own entry point. */
#define BAD_NOTE_SECTION __attribute__((used, section(".note.spore"), aligned(4)))
#define BAD_NOTE(name_)                                                                            \
	BAD_NOTE_SECTION static const spore_note note = {                                          \
		.namesz = 6,                                                                       \
		.descsz = SPORE_NOTE_DESC_SIZE,                                                    \
		.type = SPORE_NOTE_TYPE,                                                           \
		.name = "Spore",                                                                   \
		.abi_major = SPORE_ABI_MAJOR,                                                      \
		.plugin = name_,                                                                   \
		.version = "1.0.0",                                                                \
	}

#endif
