#include "draw.h"

#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clean.h"
#include "show/human.h"
#include "tail.h"

enum { NORMAL, GOOD, WAITS, BAD, ADDRESS, DIM };
enum { CELL = 64, LEAST_LINES = 2, MOST_LINES = 8 };
/* Blanks between columns, and what a column of texts takes at most. */
enum { GAP = 2, MOST_WIDTH = 60 };

static bool has_colours;
static unsigned page;

/* ---- the terminal ---- */

static void begin_colours(void)
{
	static const short colours[] = { [GOOD] = COLOR_GREEN,
		                         [WAITS] = COLOR_YELLOW,
		                         [BAD] = COLOR_RED,
		                         [ADDRESS] = COLOR_CYAN };
	const char *unwanted = getenv("NO_COLOR");

	has_colours = has_colors() && !(unwanted && *unwanted) && start_color() == OK;
	if (!has_colours)
		return;
	use_default_colors();
	for (int i = GOOD; i <= ADDRESS; i++)
		init_pair((short)i, colours[i], -1);
}

bool draw_begin(void)
{
	if (!newterm(NULL, stdout, stdin))
		return false;
	begin_colours();
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	return true;
}

void draw_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	draw_anew();
}

void draw_anew(void)
{
	clearok(stdscr, TRUE);
}

void draw_end(void)
{
	if (stdscr && !isendwin())
		endwin();
}

int draw_key(void)
{
	return getch();
}

unsigned draw_page(void)
{
	return page;
}

/* ---- texts ---- */

static attr_t look_of(int style)
{
	if (style == DIM)
		return A_DIM;
	if (style == NORMAL)
		return A_NORMAL;
	return has_colours                      ? (attr_t)COLOR_PAIR(style)
	       : style == BAD || style == WAITS ? A_BOLD
	                                        : A_NORMAL;
}

/* Writes at most `columns` columns of the text, and fewer if the line is shorter. Returns how many
 * it took. */
static int put(int y, int x, int columns, int style, const char *text)
{
	char shown[CLEAN_SIZE];
	int room = COLS - x, used;

	if (y < 0 || y >= LINES || room <= 0 || columns <= 0)
		return 0;
	used = clean(text, columns < room ? columns : room, shown);
	attron(look_of(style));
	mvaddstr(y, x, shown);
	attroff(look_of(style));
	return used;
}

static void format_rate(double bytes, char out[CELL])
{
	char amount[HUMAN_SIZE];

	human_bytes(bytes, amount);
	snprintf(out, CELL, "%s/s", amount);
}

/* ---- the first line ---- */

static int style_of_state(const struct model *model)
{
	if (strcmp(model->state, "serving") != 0)
		return WAITS;
	return model->not_ready[0] ? WAITS : GOOD;
}

static const char *text_of_state(const struct model *model)
{
	if (!model->is_known)
		return "starting";
	if (strcmp(model->state, "serving") != 0)
		return model->state;
	if (!model->is_client)
		return model->not_ready[0] ? "not ready" : "serving";
	return model->server[0] ? "connected" : "not connected";
}

enum part { TITLE, STATUS, SERVER, AGE, NOW, SPEED, TROUBLES, PARTS };

struct header_part {
	char text[MODEL_TEXT];
	int style, width; /* 0: left out */
};

static void fill_header(const struct view *view, struct header_part parts[PARTS])
{
	const struct model *model = view->model;
	char age[HUMAN_SIZE], rate[CELL];

	snprintf(parts[TITLE].text, MODEL_TEXT, "%s", view->title);
	snprintf(parts[STATUS].text, MODEL_TEXT, "%s", text_of_state(model));
	parts[STATUS].style = style_of_state(model);
	snprintf(parts[SERVER].text, MODEL_TEXT, "%s", model->server);
	parts[SERVER].style = ADDRESS;
	if (!model->is_known)
		return;
	human_age(model->up_ms, age);
	format_rate(model->rate, rate);
	snprintf(parts[AGE].text, MODEL_TEXT, "up %s", age);
	snprintf(parts[NOW].text, MODEL_TEXT, "visitors %.0f", model->visitors);
	snprintf(parts[SPEED].text, MODEL_TEXT, "%s", rate);
	snprintf(parts[TROUBLES].text, MODEL_TEXT,
	         model->is_client ? "losses %.0f" : "refusals %.0f",
	         model->is_client ? model->losses : model->refusals);
	parts[TROUBLES].style = DIM;
}

/* What is more important gets its room first. The first two are cut, but never left out. */
static void measure_header(struct header_part parts[PARTS])
{
	static const enum part by_importance[PARTS] = { TITLE, STATUS, SERVER,  NOW,
		                                        SPEED, AGE,    TROUBLES };
	int left = COLS;

	for (int i = 0; i < PARTS; i++) {
		struct header_part *part = &parts[by_importance[i]];
		char shown[CLEAN_SIZE];
		int gap = i > 0 ? GAP : 0, width = clean(part->text, 0, shown);

		if (i < 2 && width + gap > left)
			width = left > gap ? left - gap : 0;
		part->width = width + gap <= left ? width : 0;
		left -= part->width ? part->width + gap : 0;
	}
}

static void draw_header(const struct view *view)
{
	struct header_part parts[PARTS] = { 0 };
	int x = 0;

	fill_header(view, parts);
	measure_header(parts);
	for (int i = 0; i < PARTS; i++) {
		if (!parts[i].width)
			continue;
		attron(i == TITLE ? A_BOLD : A_NORMAL);
		put(0, x, parts[i].width, parts[i].style, parts[i].text);
		attroff(i == TITLE ? A_BOLD : A_NORMAL);
		x += parts[i].width + GAP;
	}
}

/* ---- the table ---- */

enum column { PUBLIC, STATE, VISITORS, RATE, TOTAL, BYTES, LOCAL, NAME, COLUMNS };

/* Clear names, and the width that is enough at first: for texts that need it, at least this. */
static const struct {
	const char *of_client, *of_server;
	int width;
	bool is_number;
} columns[COLUMNS] = {
	[PUBLIC] = { "PUBLIC", "PORT", 10, false },   [STATE] = { "STATE", "STATE", 12, false },
	[VISITORS] = { "NOW", "NOW", 6, true },       [RATE] = { "RATE", "RATE", 12, true },
	[TOTAL] = { "TOTAL", "TOTAL", 9, true },      [BYTES] = { "BYTES", "BYTES", 11, true },
	[LOCAL] = { "SERVICE", "CLIENT", 16, false }, [NAME] = { "NAME", "NAME", 12, false },
};

/* On a narrow terminal the last ones are left out first. */
static const enum column by_importance[COLUMNS] = { PUBLIC, STATE, LOCAL, VISITORS,
	                                            RATE,   BYTES, TOTAL, NAME };

static void format_state(const struct view *view, const struct model_row *row, char out[CELL])
{
	double left_ms = row->retry_in_ms - (double)(view->now_ms - view->model->rows_ms);

	if (row->retry_in_ms > 0)
		snprintf(out, CELL, "retry in %.0fs", left_ms > 0 ? (left_ms + 999) / 1000 : 0);
	else
		snprintf(out, CELL, "%.40s", row->state);
}

static void format_cell(const struct view *view, const struct model_row *row, enum column column,
                        char out[MODEL_TEXT])
{
	switch (column) {
	case PUBLIC:
		snprintf(out, MODEL_TEXT, "%s", row->public_at[0] ? row->public_at : "-");
		break;
	case STATE:
		format_state(view, row, out);
		break;
	case VISITORS:
		snprintf(out, MODEL_TEXT, "%.0f", row->visitors);
		break;
	case RATE:
		snprintf(out, MODEL_TEXT, "-");
		if (row->rate >= 0)
			format_rate(row->rate, out);
		break;
	case TOTAL:
		snprintf(out, MODEL_TEXT, "%.0f", row->visitors_all);
		break;
	case BYTES:
		human_bytes(row->bytes, out);
		break;
	case LOCAL:
		snprintf(out, MODEL_TEXT, "%s", row->local);
		break;
	case NAME:
	case COLUMNS:
		snprintf(out, MODEL_TEXT, "%s", row->name);
		break;
	}
}

static int style_of(const struct model_row *row, enum column column)
{
	bool is_open = strcmp(row->state, "open") == 0;

	if (column == PUBLIC)
		return ADDRESS;
	if (column != STATE)
		return NORMAL;
	return is_open ? GOOD : strcmp(row->state, "ended") == 0 ? BAD : WAITS;
}

static const char *head_of(const struct view *view, enum column column)
{
	return view->model->is_client ? columns[column].of_client : columns[column].of_server;
}

/* The width that the column needs to cut nothing. */
static int wanted_width(const struct view *view, enum column column)
{
	char text[MODEL_TEXT], shown[CLEAN_SIZE];
	int width = (int)strlen(head_of(view, column));

	if (columns[column].is_number)
		return columns[column].width;
	for (size_t i = 0; i < view->model->n; i++) {
		int used;

		format_cell(view, &view->model->rows[i], column, text);
		used = clean(text, MOST_WIDTH, shown);
		width = used > width ? used : width;
	}
	return width;
}

/* The widths of the columns; 0: there is no room. First each column gets what is enough at first,
 * and a public address all that it needs. What is left goes to texts that are cut. */
static void measure(const struct view *view, int widths[COLUMNS])
{
	int left = COLS + GAP, wanted[COLUMNS];

	for (int i = 0; i < COLUMNS; i++) {
		enum column c = by_importance[i];
		int width = c == PUBLIC ? COLS : columns[c].width;

		wanted[c] = wanted_width(view, c);
		width = width < wanted[c] ? width : wanted[c];
		widths[c] = width + GAP <= left ? width : 0;
		left -= widths[c] ? widths[c] + GAP : 0;
	}
	for (int i = 0; i < COLUMNS; i++) {
		enum column c = by_importance[i];
		int more = widths[c] ? wanted[c] - widths[c] : 0;

		more = more < left ? more : left;
		widths[c] += more > 0 ? more : 0;
		left -= more > 0 ? more : 0;
	}
}

static void draw_cells(int y, const struct view *view, const struct model_row *row,
                       const int widths[COLUMNS])
{
	char text[MODEL_TEXT], shown[CLEAN_SIZE];
	int x = 0;

	for (int c = 0; c < COLUMNS; c++) {
		int used, indent;

		if (!widths[c])
			continue;
		if (row)
			format_cell(view, row, (enum column)c, text);
		else
			snprintf(text, sizeof text, "%s", head_of(view, (enum column)c));
		used = clean(text, widths[c], shown);
		indent = columns[c].is_number ? widths[c] - used : 0;
		put(y, x + indent, widths[c], row ? style_of(row, (enum column)c) : DIM, text);
		x += widths[c] + GAP;
	}
}

/* From line `y` on, at most `room` lines. Returns the lines used. */
static int draw_table(const struct view *view, int y, int room)
{
	const struct model *model = view->model;
	int widths[COLUMNS], n = 0;

	page = room > 1 ? (unsigned)room - 1 : 1;
	if (room <= 0 || model->n == 0)
		return 0;
	measure(view, widths);
	if (room > 1)
		draw_cells(y + n++, view, NULL, widths);
	for (size_t i = view->first; i < model->n && n < room; i++)
		draw_cells(y + n++, view, &model->rows[i], widths);
	return n;
}

/* ---- the last errors ---- */

static int draw_errors(const struct view *view, int y, int room)
{
	char age[HUMAN_SIZE], text[CLEAN_SIZE];
	int n = 0;

	for (size_t i = 0; i < view->model->n && n < room; i++) {
		const struct model_row *row = &view->model->rows[i];

		if (!row->error[0])
			continue;
		human_age(row->error_age_ms, age);
		snprintf(text, sizeof text, "%.60s, %s ago: %.255s", row->name, age, row->error);
		put(y + n++, 0, COLS, WAITS, text);
	}
	return n;
}

/* ---- the last lines ---- */

static void draw_lines(const struct tail *tail, int y, int room)
{
	for (int i = 0; i < room; i++) {
		const char *line = tail_line(tail, (unsigned)(room - 1 - i));

		if (line)
			put(y + i, 0, COLS, NORMAL, line);
	}
}

static int lines_wanted(const struct view *view)
{
	int room = LINES - 4 - (int)view->model->n;

	if (!view->tail || LINES < 6)
		return LINES < 6 || !view->tail ? 0 : LEAST_LINES;
	return room < LEAST_LINES ? LEAST_LINES : room > MOST_LINES ? MOST_LINES : room;
}

void draw(const struct view *view)
{
	int lines = lines_wanted(view), below = LINES > 3 ? 1 : 0, y = LINES > 7 ? 2 : 1;
	int room = LINES - below - lines - y;

	erase();
	draw_header(view);
	y += draw_table(view, y, room);
	if (view->tail) {
		y += LINES > 12 ? 1 : 0;
		draw_errors(view, y, LINES - below - lines - y > 3 ? 3 : LINES - below - lines - y);
		draw_lines(view->tail, LINES - below - lines, lines);
	}
	if (below)
		put(LINES - 1, 0, COLS - 1, view->notice ? WAITS : DIM,
		    view->notice ? view->notice : view->help);
	refresh();
}
