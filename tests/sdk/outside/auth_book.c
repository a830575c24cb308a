/* auth_book - a third-party plugin: lets in the names that stand in some files, whose paths stand
 * in another file, and shows how many names it knows. It has no code for reloads. */
#include <spore/auth.h>
#include <stdlib.h>

enum { LINE = 256, MOST_NAMES = 100 };

struct conf {
	const char *index;
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, index, SPORE_OPTF_REQUIRED | SPORE_OPTF_PATH | SPORE_OPTF_READ,
	             NULL, "file with the paths of the files of names, one a line"),
};

struct book {
	const spore_host *host;
	size_t n;
	char names[MOST_NAMES][LINE];
};

/* Calls take() for each line of the file. 0: take() has failed, or reported the file. */
static int each_line(const spore_create_args *args, struct book *book, const char *path,
                     int (*take)(const spore_create_args *, struct book *, const char *line))
{
	char line[LINE], text[2 * LINE];
	FILE *file = fopen(path, "r");
	int good = file != NULL;

	if (!file) {
		snprintf(text, sizeof text, "cannot open %s", path);
		args->report(args, "/index", text);
	}
	while (good && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		good = take(args, book, line);
	}
	if (file)
		fclose(file);
	return good;
}

static int take_name(const spore_create_args *args, struct book *book, const char *line)
{
	if (book->n == MOST_NAMES || !*line) {
		args->report(args, "/index", "expected a name");
		return 0;
	}
	strcpy(book->names[book->n++], line);
	return 1;
}

static int take_file(const spore_create_args *args, struct book *book, const char *line)
{
	return args->host->file_watch(args->ctx, line) == SPORE_OK &&
	       each_line(args, book, line, take_name);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct book *book = calloc(1, sizeof *book);
	char text[64];

	if (!book)
		return SPORE_ENOMEM;
	book->host = args->host;
	if (!each_line(args, book, conf->index, take_file)) {
		free(book);
		return SPORE_ECONFIG;
	}
	snprintf(text, sizeof text, "knows %u names\x1b", (unsigned)book->n);
	args->host->state_show(args->ctx, spore_cstr(text));
	*instance_out = book;
	return SPORE_OK;
}

static void destroy(void *book)
{
	free(book);
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct book *book = arg;
	spore_auth_result result = { .struct_size = sizeof result, .session = 1 };

	for (size_t i = 0; i < book->n; i++) {
		result.identity = spore_cstr(book->names[i]);
		if (result.identity.len != rq->answer.len ||
		    memcmp(result.identity.ptr, rq->answer.ptr, rq->answer.len) != 0)
			continue;
		book->host->complete_verify(ticket, SPORE_ALLOW, &result);
		return SPORE_EPENDING;
	}
	return SPORE_DENY;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component book = {
	.struct_size = sizeof book,
	.kind = SPORE_KIND_AUTH,
	.name = "book",
	.summary = "lets in the names of some files",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_book", "1.0.0", "Somebody else", "MIT", "", &book);
