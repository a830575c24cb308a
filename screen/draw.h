/* draw - the screen, by ncurses. */
#ifndef SCREEN_DRAW_H
#define SCREEN_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"

struct tail;

struct view {
	const char *title; /* "spore local" */
	const struct model *model;
	const struct tail *tail; /* NULL: there are no lines */
	const char *notice;      /* in place of the help line; NULL: none */
	const char *help;
	enum model_sort sort;
	bool is_sorted;
	unsigned first; /* the row that is shown first */
	int64_t now_ms;
};

/* False: the terminal is not known. */
bool draw_begin(void);
void draw(const struct view *view);
/* The size of the terminal has changed. */
void draw_resize(void);
/* Gives the terminal back; the next call of draw takes it again. Idempotent. */
void draw_end(void);
/* The next draw writes everything. */
void draw_anew(void);
/* A key that was pressed; -1: none. */
int draw_key(void);
/* How many rows of tunnels were shown last. */
unsigned draw_page(void);

#endif
