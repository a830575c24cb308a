/* member - members of a JSON object, read without errors: a member that is missing or of another
 * type has an empty value. */
#ifndef CORE_SHOW_MEMBER_H
#define CORE_SHOW_MEMBER_H

struct json;

/* "" if there is no such text. Valid as long as the document. */
const char *member_text(const struct json *object, const char *key);
/* 0 if there is no such number. */
double member_number(const struct json *object, const char *key);
/* The same without the fraction. */
long long member_integer(const struct json *object, const char *key);

#endif
