#include "show/member.h"

#include "json/json.h"

const char *member_text(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_STRING ? value->raw : "";
}

double member_number(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_NUMBER ? value->number : 0;
}

long long member_integer(const struct json *object, const char *key)
{
	return (long long)member_number(object, key);
}
