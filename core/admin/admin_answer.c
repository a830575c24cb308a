#include "admin/admin_answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"

enum { ERROR_SIZE = 1024 };

void admin_answer_begin(struct admin_answer *answer)
{
	*answer = (struct admin_answer){ 0 };
	answer->json.out = open_memstream(&answer->text, &answer->len);
	if (answer->json.out)
		jsonout_begin(&answer->json, NULL, '{');
}

char *admin_answer_end(struct admin_answer *answer)
{
	FILE *out = answer->json.out;
	bool complete = out != NULL;

	if (out) {
		jsonout_end(&answer->json, '}');
		complete = !ferror(out);
		complete = fclose(out) == 0 && complete;
		answer->json.out = NULL;
	}
	if (complete)
		return answer->text;
	free(answer->text);
	answer->text = NULL;
	answer->len = 0;
	log_error("admin command not answered", log_str("error", "out of memory"));
	return NULL;
}

void admin_answer_drop(struct admin_answer *answer)
{
	if (!answer->json.out)
		return;
	fclose(answer->json.out);
	answer->json.out = NULL;
	free(answer->text);
}

void admin_error_write(struct jsonout *json, const char *what, const char *about)
{
	char text[ERROR_SIZE];

	snprintf(text, sizeof text, "%s%s", what, about);
	jsonout_text(json, "error", text);
}
