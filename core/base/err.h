/* err - one line of text that says what failed, where, and what was expected.
 *
 * The caller owns it, usually on its stack, and passes it down. The function that fails fills
 * it. */
#ifndef CORE_ERR_H
#define CORE_ERR_H

struct err {
	char text[768];
};

/* Replaces the text. [any] */
__attribute__((format(printf, 2, 3))) void err_set(struct err *err, const char *format, ...);
/* Puts the formatted text and ": " before the text. [any] */
__attribute__((format(printf, 2, 3))) void err_prefix(struct err *err, const char *format, ...);

/* Replaces the text by "CALL: " and the text of errno value `cause`. If a sandbox may have refused
 * this system call, the text asks whether one did. [any] */
void err_set_call(struct err *err, const char *call, int cause);

#endif
