#include "password_answer.h"

#include "named.h"

static const char label[] = "p1=";
enum { LABEL_LEN = sizeof label - 1 };

static bool is_text(spore_str text)
{
	return text.len > 0 && !memchr(text.ptr, '\0', text.len);
}

size_t password_answer_write(spore_str name, spore_str password, char out[SPORE_AUTH_ANSWER_MAX])
{
	char *at = out + LABEL_LEN;

	if (!is_text(name) || !is_text(password) ||
	    named_encoded_size(name) + named_encoded_size(password) > PASSWORD_ANSWER_ROOM)
		return 0;
	memcpy(out, label, LABEL_LEN);
	at = named_encode(name, at);
	*at++ = ':';
	return (size_t)(named_encode(password, at) - out);
}

bool password_answer_parse(spore_str answer, struct password_answer *out)
{
	spore_str rest, name, password;
	const char *colon;

	if (answer.len <= LABEL_LEN || answer.len > SPORE_AUTH_ANSWER_MAX ||
	    memcmp(answer.ptr, label, LABEL_LEN) != 0)
		return false;
	rest = (spore_str){ answer.ptr + LABEL_LEN, answer.len - LABEL_LEN };
	colon = memchr(rest.ptr, ':', rest.len);
	if (!colon)
		return false;
	name = (spore_str){ rest.ptr, (size_t)(colon - rest.ptr) };
	password = (spore_str){ colon + 1, rest.len - name.len - 1 };
	return name.len > 0 && password.len > 0 &&
	       named_decode(name, out->name, sizeof out->name) &&
	       named_decode(password, out->password, sizeof out->password);
}
