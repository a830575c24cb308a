// auth_token_cxx - the template's plugin in C++17.
//
// No exception may leave a function that the host calls. Each call goes through guarded(), which
// turns an exception into a log line and a status.
#include <spore/auth.h>

#include <exception>
#include <new>
#include <string>

namespace
{

struct Conf {
	spore_str token;
	const char *identity;
	uint32_t insecure;
};

const spore_option options[] = {
	SPORE_SECRET(Conf, token, SPORE_OPTF_REQUIRED, "what the client sends"),
	SPORE_STRING(Conf, identity, 0, "\"guest\"", "names the client in logs"),
	SPORE_BOOL(Conf, insecure, 0, "false", "use it even if others can read the connection"),
};

class Token
{
public:
	explicit Token(const spore_create_args *args)
	    : host_(args->host), ctx_(args->ctx), conf_(static_cast<const Conf *>(args->conf)),
	      text_(conf_->token.ptr, conf_->token.len)
	{
	}

	int32_t verify(const spore_auth_request *rq, spore_ticket ticket) const
	{
		if (!rq->secure && !conf_->insecure)
			return SPORE_DENY;
		if (!is_token(rq->answer))
			return SPORE_NEXT;
		spore_auth_result result = {};
		result.struct_size = sizeof result;
		result.identity = spore_cstr(conf_->identity);
		host_->complete_verify(ticket, SPORE_ALLOW, &result);
		return SPORE_EPENDING;
	}

	spore_status answer(const spore_answer_request *rq, spore_ticket ticket) const
	{
		if (!rq->secure && !conf_->insecure)
			return SPORE_EUNSUPPORTED;
		host_->complete_answer(ticket, SPORE_OK, spore_str{ text_.data(), text_.size() });
		return SPORE_EPENDING;
	}

	void complain(const char *what) const noexcept
	{
		spore_logf(host_, ctx_, SPORE_LOG_ERROR, "exception: %s", what);
	}

private:
	// Takes the same time for wrong and right texts of the same length.
	bool is_token(spore_str text) const
	{
		return text.len == text_.size() && host_->equal(text.ptr, text_.data(), text.len);
	}

	const spore_host *host_;
	spore_ctx *ctx_;
	const Conf *conf_;
	std::string text_;
};

// Turns an exception into a status.
template <typename Call> auto guarded(const Token *token, Call call) noexcept -> decltype(call())
{
	try {
		return call();
	} catch (const std::bad_alloc &) {
		return SPORE_ENOMEM;
	} catch (const std::exception &e) {
		if (token)
			token->complain(e.what());
	} catch (...) {
		if (token)
			token->complain("of an unknown type");
	}
	return SPORE_EBACKEND;
}

spore_status create(const spore_create_args *args, void **instance_out)
{
	return guarded(nullptr, [&]() -> spore_status {
		*instance_out = new Token(args);
		return SPORE_OK;
	});
}

void destroy(void *instance)
{
	delete static_cast<Token *>(instance);
}

int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	const auto *token = static_cast<const Token *>(state);

	return guarded(token, [&] { return token->verify(rq, ticket); });
}

spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const auto *token = static_cast<const Token *>(state);

	return guarded(token, [&] { return token->answer(rq, ticket); });
}

// C++17 has no designated initializers. Filling a zeroed struct in a function still works when the
// struct grows.
spore_auth_ops make_ops()
{
	spore_auth_ops ops = {};

	ops.struct_size = sizeof ops;
	ops.verify = verify;
	ops.answer = answer;
	return ops;
}

const spore_auth_ops ops = make_ops();

spore_component make_component()
{
	spore_component component = {};

	component.struct_size = sizeof component;
	component.kind = SPORE_KIND_AUTH;
	component.name = "token";
	component.summary = "a token that each client sends";
	component.ops = &ops;
	component.options = options;
	component.n_options = sizeof options / sizeof *options;
	component.option_size = sizeof *options;
	component.conf_size = sizeof(Conf);
	component.create = create;
	component.destroy = destroy;
	return component;
}

const spore_component component = make_component();

} // namespace

SPORE_PLUGIN("auth_token_cxx", "0.1.0", "Your name", "MIT", "https://plugin.example", &component);
