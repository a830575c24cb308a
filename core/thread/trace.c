#include "thread/trace.h"

#include <stdbool.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

#include "thread/maps.h"

enum { FRAMES_SHOWN = 8 };

/* ---- the interrupted code ---- */

static uintptr_t interrupted_at(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.pc;
#else
	(void)context;
	return 0;
#endif
}

/* The return address of a function that has just been called. Reading this slot of the stack would
 * be an error for a sanitizer, which therefore does not check this function. */
__attribute__((no_sanitize("address"))) static uintptr_t called_from(const ucontext_t *context)
{
#if defined(__x86_64__)
	return *(const uintptr_t *)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.regs[30];
#else
	(void)context;
	return 0;
#endif
}

/* ---- the stack ---- */

static void add_frame(struct trace *trace, uintptr_t address)
{
	if (trace->n < TRACE_FRAMES)
		trace->frames[trace->n++] = address;
}

struct walk {
	struct trace *trace;
	uintptr_t begin; /* the first frame after those of the signal handler */
	bool begun;
};

/* Adds the byte before a return address, since the address itself may be after the last byte of the
 * caller. */
static _Unwind_Reason_Code walk_frame(struct _Unwind_Context *frame, void *arg)
{
	struct walk *walk = arg;
	uintptr_t address = (uintptr_t)_Unwind_GetIP(frame);

	if (walk->begun)
		add_frame(walk->trace, address - 1);
	else if (address == walk->begin)
		walk->begun = true;
	return address && walk->trace->n < TRACE_FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void trace_take(const void *context, struct trace *trace_out)
{
	struct walk walk = { .trace = trace_out, .begin = interrupted_at(context) };
	struct maps_place place;

	trace_out->n = 0;
	add_frame(trace_out, walk.begin);
	if (maps_find(walk.begin, &place))
		_Unwind_Backtrace(walk_frame, &walk);
	else /* after a jump to a wrong address: no stack can be unwound from there */
		add_frame(trace_out, called_from(context) - 1);
}

static _Unwind_Reason_Code walk_nothing(struct _Unwind_Context *frame, void *unused)
{
	(void)frame;
	(void)unused;
	return _URC_NO_REASON;
}

void trace_prime(void)
{
	_Unwind_Backtrace(walk_nothing, NULL);
}

const struct code *trace_plugin(const struct trace *trace, uintptr_t *address_out)
{
	const struct code *code = NULL;

	for (unsigned i = 0; i < trace->n && !code; i++) {
		code = code_at((const void *)trace->frames[i]);
		if (code && address_out)
			*address_out = trace->frames[i];
	}
	return code;
}

/* ---- text ---- */

/* Appends the text, and cuts it at `size`. */
static void append(char *out, size_t size, const char *text)
{
	size_t len = strlen(out), n = strlen(text);

	if (n > size - 1 - len)
		n = size - 1 - len;
	memcpy(out + len, text, n);
	out[len + n] = '\0';
}

static void append_hex(char *out, size_t size, uintptr_t number)
{
	char digits[2 + 2 * sizeof number + 1], *at = digits + sizeof digits;

	*--at = '\0';
	do
		*--at = "0123456789abcdef"[number & 15];
	while (number >>= 4);
	*--at = 'x';
	*--at = '0';
	append(out, size, at);
}

static void append_place(char out[TRACE_PLACE], const char *file, uintptr_t offset)
{
	enum { OFFSET_TEXT = 24 }; /* room for "+0x", 16 digits and a NUL */

	append(out, TRACE_PLACE - OFFSET_TEXT, file);
	append(out, TRACE_PLACE, "+");
	append_hex(out, TRACE_PLACE, offset);
}

void trace_place(uintptr_t address, char out[TRACE_PLACE])
{
	const struct code *code = code_at((const void *)address);
	const char *slash = code ? strrchr(code->name, '/') : NULL;
	struct maps_place place;

	out[0] = '\0';
	if (code)
		append_place(out, slash ? slash + 1 : code->name, address - code->base);
	else if (maps_find(address, &place))
		append_place(out, place.file, place.offset);
	else
		append_hex(out, TRACE_PLACE, address);
}

void trace_format(const struct trace *trace, char out[TRACE_TEXT])
{
	char place[TRACE_PLACE];

	out[0] = '\0';
	for (unsigned i = 0; i < trace->n && i < FRAMES_SHOWN; i++) {
		trace_place(trace->frames[i], place);
		append(out, TRACE_TEXT, i ? " " : "");
		append(out, TRACE_TEXT, place);
	}
}
