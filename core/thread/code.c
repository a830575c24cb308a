#include "thread/code.h"

#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unwind.h>

/* Objects are added, but never removed or changed, so a reader needs no lock. */
struct object {
	struct object *next;
	struct code code;
	uintptr_t begin, end;
};

static _Atomic(struct object *) the_objects;

static bool is_inside(const struct object *object, uintptr_t address)
{
	return address >= object->begin && address < object->end;
}

/* `arg` is an object whose `begin` is an address inside it. If the loaded object `info` contains
 * this address, sets the bounds to those of its segments, and returns 1, which ends the search. */
static int find_bounds(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *object = arg, found = { .begin = UINTPTR_MAX };

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		found.begin = begin < found.begin ? begin : found.begin;
		found.end = end > found.end ? end : found.end;
	}
	if (!is_inside(&found, object->begin))
		return 0;
	object->begin = found.begin;
	object->end = found.end;
	object->code.base = info->dlpi_addr;
	return 1;
}

bool code_add(const char *name, const char *version, const void *inside)
{
	struct object *object = malloc(sizeof *object);

	if (!object)
		return false;
	*object = (struct object){ .code = { .name = name, .version = version },
		                   .begin = (uintptr_t)inside };
	if (!dl_iterate_phdr(find_bounds, object)) {
		free(object);
		return false;
	}
	object->next = atomic_load(&the_objects);
	while (!atomic_compare_exchange_weak(&the_objects, &object->next, object))
		;
	return true;
}

const struct code *code_at(const void *address)
{
	const struct object *object = atomic_load(&the_objects);

	while (object && !is_inside(object, (uintptr_t)address))
		object = object->next;
	return object ? &object->code : NULL;
}

const char *code_find(const void *address)
{
	const struct code *code = code_at(address);

	return code ? code->name : NULL;
}

/* Looks up the byte before a return address: the address itself may lie behind the last byte of the
 * caller. */
static _Unwind_Reason_Code find_frame(struct _Unwind_Context *frame, void *arg)
{
	uintptr_t address = (uintptr_t)_Unwind_GetIP(frame);
	const char **name = arg;

	if (address)
		*name = code_find((const void *)(address - 1));
	return *name ? _URC_END_OF_STACK : _URC_NO_REASON;
}

const char *code_on_stack(void)
{
	const char *name = NULL;

	_Unwind_Backtrace(find_frame, &name);
	return name;
}
