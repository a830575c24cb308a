/* serve_scene - `spore server` or `spore local` in a test's process or in a child, with a
 * configuration file. */
#ifndef UNIT_SERVE_SCENE_H
#define UNIT_SERVE_SCENE_H

#include <signal.h>
#include <sys/wait.h>

#include "capture.h"
#include "plugin_file.h"

struct serve_scene {
	char folder[64], config[96];
	struct capture capture;
	pid_t child;
	FILE *log; /* the child's standard error */
};

/* `members`: JSON members beside the section "plugins", which finds the plugins of the build. */
static inline void serve_scene_open(struct serve_scene *scene, const char *members)
{
	FILE *out;

	plugin_file_folder(scene->folder);
	snprintf(scene->config, sizeof scene->config, "%s/c.json", scene->folder);
	out = fopen(scene->config, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "{\"plugins\": {\"path\": [\"%s\"]}%s%s}", PLUGIN_DIR, *members ? ", " : "",
	        members);
	ck_assert_int_eq(fchmod(fileno(out), 0600), 0);
	fclose(out);
}

static inline void serve_scene_close(struct serve_scene *scene)
{
	unlink(scene->config);
	rmdir(scene->folder);
}

static inline int serve_scene_run(struct serve_scene *scene, int (*run)(int argc, char **argv),
                                  char **argv)
{
	int n = 0, status;

	while (argv[n])
		n++;
	capture_begin(&scene->capture);
	status = run(n, argv);
	capture_end(&scene->capture);
	return status;
}

/* Runs it in a child until serve_scene_end. */
static inline void serve_scene_begin(struct serve_scene *scene, int (*run)(int argc, char **argv),
                                     char **argv)
{
	int n = 0, ends[2];

	while (argv[n])
		n++;
	ck_assert_int_eq(pipe(ends), 0);
	fflush(NULL);
	scene->child = fork();
	ck_assert_int_ge(scene->child, 0);
	if (scene->child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		_exit(run(n, argv));
	}
	close(ends[1]);
	scene->log = fdopen(ends[0], "r");
}

/* Reads the child's log up to a line with this text. */
static inline void serve_scene_wait(struct serve_scene *scene, const char *text)
{
	char line[1024];

	while (fgets(line, sizeof line, scene->log)) {
		if (strstr(line, text))
			return;
	}
	ck_abort_msg("the log has no line with \"%s\"", text);
}

/* Tells the child to end, and returns its exit status. */
static inline int serve_scene_end(struct serve_scene *scene, int signal)
{
	char line[1024];
	int status;

	if (signal)
		kill(scene->child, signal);
	while (fgets(line, sizeof line, scene->log))
		continue;
	fclose(scene->log);
	ck_assert_int_eq(waitpid(scene->child, &status, 0), scene->child);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

#endif
