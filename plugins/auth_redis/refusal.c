#include "refusal.h"

#include <stdio.h>
#include <string.h>

enum { CODE_MAX = 20 };

static const struct {
	const char *start, *meaning;
} known[] = {
	{ "WRONGPASS", "the user or the password is wrong, or the user is off" },
	{ "ERR invalid password", "the password is wrong" },
	{ "ERR AUTH <password> called without any password",
	  "its default user has no password: leave the password out, or set the user, too" },
	{ "ERR Client sent AUTH, but no password is set",
	  "it has no password: leave the password out" },
	{ "ERR wrong number of arguments", "it knows no users: leave the user out" },
	{ "ERR unknown command", "it does not know the command AUTH" },
	{ "ERR max number of clients reached", "it has too many connections (maxclients)" },
	{ "DENIED",
	  "it is in protected mode: it has no password, and accepts its own machine only" },
	{ "NOPERM", "the user may not log in" },
};

static size_t code_len(const char *reply)
{
	size_t len = strspn(reply, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len <= CODE_MAX && (reply[len] == ' ' || !reply[len]) ? len : 0;
}

void refusal_of_login(const char *who, const char *reply, char *out, size_t size)
{
	size_t len = code_len(reply);
	const char *meaning = "its text is left out, since it may repeat the password";

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strncmp(reply, known[i].start, strlen(known[i].start)) == 0)
			meaning = known[i].meaning;
	snprintf(out, size, "%s refuses the log-in: %.*s%s%s", who, (int)len, reply,
	         len ? ": " : "", meaning);
}
