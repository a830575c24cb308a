/* offer_scene - two subcommands with every kind of flag and word, for the tests of completion. */
#ifndef UNIT_OFFER_SCENE_H
#define UNIT_OFFER_SCENE_H

#include <check.h>
#include <stdio.h>

#include "completion/offer.h"

/* Tables, aligned by hand. */
/* clang-format off */
static const struct argument_word offer_scene_words[] = {
	{ "list", NULL,    "list all; or nothing" },
	{ "info", "FILE",  "show one" },
	{ "end",  "ID",    "it's over" },
	{ "set",  "LEVEL", "choose a level" },
};
static const struct argument_choice offer_scene_colours[] = { { "red", 1 }, { "blue", 2 }, { NULL, 0 } };
static const struct argument_flag offer_scene_flags[] = {
	{ .name = "--config", .letter = 'c', .type = ARGUMENT_TEXT, .metavar = "FILE", .doc = "a file (in JSON)" },
	{ .name = "--colour", .type = ARGUMENT_CHOICE, .metavar = "COLOUR", .choices = offer_scene_colours,
	  .doc = "a colour: any [of them]" },
	{ .name = "--path", .type = ARGUMENT_LIST, .metavar = "DIR", .word = "list", .doc = "a folder" },
	{ .name = "--to", .type = ARGUMENT_TEXT, .metavar = "HOST", .doc = "the server's name" },
	{ .name = "--json", .doc = "print JSON. This is the default" },
};
static const struct argument_table offer_scene_table = {
	.command = "unit", .words = offer_scene_words, .n_words = 4, .flags = offer_scene_flags, .n_flags = 5,
};
/* clang-format on */
static const struct offer_command offer_scene[] = {
	{ "unit", "test the scripts", 0, &offer_scene_table },
	{ "local", "be a client", ROLE_LOCAL, NULL },
};

typedef void (*offer_scene_writer)(const struct offer_command *commands, size_t n, FILE *out);

/* The caller frees the text. */
static inline char *offer_scene_write(offer_scene_writer writer)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	writer(offer_scene, 2, out);
	fclose(out);
	return text;
}

#endif
