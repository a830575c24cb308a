/* Changes programs of fuzz_server act by act, since a byte more or less would give all that follows
 * another meaning; and plays the openings without which little happens. */
#include <string.h>

#include "fuzz.h"
#include "server_crowd.h"
#include "server_program.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { MAX_OPENING = 6, HEADER = 1 };

/* Rows of acts; `who` counts from a peer that is chosen by chance. */
static const struct opening {
	unsigned n;
	uint8_t acts[MAX_OPENING][ACT_SIZE];
} openings[] = {
	{ 3, { { CONNECT }, { SAY, 0, SAY_RIGHT }, { SAY, 0, SAY_HELLO } } },
	{ 4,
	  { { CONNECT },
	    { SAY, 0, SAY_RIGHT },
	    { SAY, 0, SAY_HELLO_TO },
	    { SAY, 0, SAY_EXTEND, 20 } } },
	{ 2, { { VISIT }, { SAY_MUCH, 0, 1 } } },
	{ 4, { { VISIT }, { CONNECT, 1 }, { SAY, 1, SAY_RIGHT }, { SAY, 1, SAY_ACCEPT } } },
	{ 3, { { CONNECT }, { SAY | KEEP, 0, SAY_RIGHT }, { SAY, 0, SAY_ACCEPT } } },
	{ 3, { { CONNECT }, { SAY | KEEP, 0, SAY_RIGHT }, { SEND, 0, 20 } } },
	{ 2, { { CONNECT }, { SAY, 0, SAY_WRONG } } },
	{ 4, { { CONNECT }, { SAY, 0, SAY_RIGHT, 1 }, { PASS, 0, 3, 2 }, { SAY, 0, SAY_ACCEPT } } },
	{ 3, { { CONNECT }, { SAY | KEEP, 0, SAY_RIGHT }, { SAY | LATER, 0, SAY_HELLO } } },
};
enum { N_OPENINGS = sizeof openings / sizeof *openings };

struct program {
	uint8_t *bytes;
	size_t size, max;
	uint32_t dice;
};

static unsigned throw(struct program * p, unsigned sides)
{
	p->dice = p->dice * 1664525 + 1013904223;
	return (p->dice >> 16) % sides;
}

/* Where some act starts, or where one may be put: behind the last. */
static size_t some_act(struct program *p, bool behind_too)
{
	size_t n = (p->size - HEADER) / ACT_SIZE + behind_too;

	return n ? HEADER + throw(p, (unsigned)n) * ACT_SIZE : HEADER;
}

static uint8_t *make_room(struct program *p, size_t at, size_t len)
{
	if (p->size + len > p->max)
		return NULL;
	memmove(p->bytes + at + len, p->bytes + at, p->size - at);
	p->size += len;
	return p->bytes + at;
}

static void choose(struct program *p, uint8_t act[ACT_SIZE])
{
	act[0] = (uint8_t)(throw(p, ACTS) | (throw(p, 8) ? 0 : LATER) | (throw(p, 8) ? 0 : KEEP));
	act[1] = (uint8_t) throw(p, throw(p, 4) ? 4 : CROWD_SIZE);
	act[2] = (uint8_t) throw(p, 4) ? (uint8_t) throw(p, 16) : (uint8_t) throw(p, 256);
	act[3] = (uint8_t) throw(p, 4) ? (uint8_t) throw(p, 4) : (uint8_t) throw(p, 256);
}

static void insert_act(struct program *p)
{
	uint8_t *act = make_room(p, some_act(p, true), ACT_SIZE);

	if (act)
		choose(p, act);
}

static void insert_opening(struct program *p)
{
	const struct opening *opening = &openings[throw(p, N_OPENINGS)];
	size_t len = opening->n * ACT_SIZE;
	uint8_t *acts = make_room(p, some_act(p, true), len), who = (uint8_t) throw(p, 4);

	if (!acts)
		return;
	memcpy(acts, opening->acts, len);
	for (size_t i = 1; i < len; i += ACT_SIZE)
		acts[i] += who;
}

static void remove_act(struct program *p)
{
	size_t at = some_act(p, false);

	if (at + ACT_SIZE > p->size)
		return;
	memmove(p->bytes + at, p->bytes + at + ACT_SIZE, p->size - at - ACT_SIZE);
	p->size -= ACT_SIZE;
}

static void repeat_act(struct program *p)
{
	size_t from = some_act(p, false);
	uint8_t act[ACT_SIZE], *to;

	if (from + ACT_SIZE > p->size)
		return;
	memcpy(act, p->bytes + from, ACT_SIZE);
	to = make_room(p, some_act(p, true), ACT_SIZE);
	if (to)
		memcpy(to, act, ACT_SIZE);
}

static void change_act(struct program *p)
{
	size_t at = some_act(p, false);
	uint8_t act[ACT_SIZE];
	unsigned field = throw(p, ACT_SIZE);

	if (at + ACT_SIZE > p->size)
		return;
	choose(p, act);
	p->bytes[at + field] = act[field];
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static void (*const changes[])(struct program *) = {
		insert_act, insert_opening, remove_act, repeat_act, change_act, change_act
	};
	struct program p = { data, size, max_size, seed };

	if (size < HEADER || throw(&p, 8) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (throw(&p, 32) == 0)
		p.bytes[0] = (uint8_t) throw(&p, house_n_plans);
	for (unsigned n = 1 + throw(&p, 4); n > 0; n--)
		changes[throw(&p, sizeof changes / sizeof *changes)](&p);
	return p.size;
}
