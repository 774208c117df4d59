// SPDX-License-Identifier: GPL-2.0-or-later
#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../engine/engine.h"
#include "../http/params.h"
#include "../http/server.h"
#include "format.h"
#include "frames.h"
#include "model.h"
#include "proto.h"

static int refuse_seconds(struct http_request *req)
{
	http_reply_error(req, 400,
			 "invalid value for \"seconds\" - must be a positive integer, at most %d",
			 SECONDS_MAX);
	return -EINVAL;
}

int answer_cpu_seconds(struct http_request *req, int64_t *seconds)
{
	int err = param_int(http_param(req, "seconds"), seconds);

	if (err == -EINVAL)
		*seconds = SECONDS_DEFAULT;
	else if (err || *seconds <= 0 || *seconds > SECONDS_MAX)
		return refuse_seconds(req);
	return 0;
}

int answer_seconds(struct http_request *req, int64_t *seconds, int64_t *debug)
{
	const char *text = http_param(req, "seconds");

	*seconds = *debug = 0;
	if (text && *text && (param_int(text, seconds) || *seconds <= 0 || *seconds > SECONDS_MAX))
		return refuse_seconds(req);
	if (param_int(http_param(req, "debug"), debug) || *debug < 0)
		*debug = 0;
	if (*seconds && *debug) {
		http_reply_error(req, 400, "seconds and debug params are incompatible");
		return -EINVAL;
	}
	return 0;
}

int answer_number(struct http_request *req, const char *name, int64_t min, int64_t max,
		  int64_t *out)
{
	const char *text = http_param(req, name);
	int64_t value;

	if (!text)
		return 0;
	if (param_int(text, &value) || value < min || value > max) {
		http_reply_error(req, 400,
				 "invalid value for \"%s\" - must be an integer from %lld to %lld",
				 name, (long long)min, (long long)max);
		return -EINVAL;
	}
	*out = value;
	return 0;
}

int time_parse(const char *text, uint64_t unit, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1},
		{"us", 1000},
		{"ms", NSEC_PER_MSEC},
		{"s", NSEC_PER_SEC},
		{"m", 60 * NSEC_PER_SEC},
		{"h", 3600 * NSEC_PER_SEC},
	};
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	for (size_t i = 0; *end && i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name) == 0) {
			unit = units[i].ns;
			end += strlen(end);
		}
	}
	return *end || __builtin_mul_overflow(n, unit, ns) ? -EINVAL : 0;
}

int answer_time(struct http_request *req, const char *name, uint64_t unit, uint64_t min,
		uint64_t max, uint64_t *out)
{
	const char *text = http_param(req, name);
	uint64_t value;

	if (!text)
		return 0;
	if (time_parse(text, unit, &value) || value < min || value > max) {
		http_reply_error(req, 400,
				 "invalid value for \"%s\" - must be a time from %llu to %llu %s, "
				 "or one with ns, us, ms, s, m or h",
				 name, (unsigned long long)(min / unit),
				 (unsigned long long)(max / unit), unit == 1 ? "ns" : "s");
		return -EINVAL;
	}
	*out = value;
	return 0;
}

void answer_start_error(struct http_request *req, const struct target *target, const char *what,
			int err, const char *why)
{
	char text[128];

	target_describe(target, text, sizeof(text));
	if (err == -ESRCH)
		http_reply_error(req, 404, "no such target: %s", text);
	else if (err == -EACCES || err == -EPERM)
		http_reply_error(req, 500,
				 "Could not enable %s: the kernel refuses perf events: run "
				 "kpprofd as root or with CAP_PERFMON and CAP_SYS_PTRACE",
				 what);
	else if (err == -ENODEV && *why)
		http_reply_error(req, 500, "Could not enable %s: %s", what, why);
	else
		http_reply_error(req, http_status_of(err), "Could not enable %s: %s", what,
				 strerror(-err));
}

int64_t wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NSEC_PER_SEC + ts.tv_nsec;
}

void comment_engine(struct profile *p, const struct engine *e, enum kpprof_engine engine)
{
	bool module = engine == KPPROF_ENGINE_MODULE;
	struct utsname un = {0};

	uname(&un);
	profile_comment(p, "kpprofd %s, %s engine, %s %s %s", KPPROF_VERSION,
			module ? "module" : "perf", un.sysname, un.release, un.machine);
	if (!module && *engine_why(e))
		profile_comment(p, "no module: %s", engine_why(e));
}

static struct tally all;

static void count(struct tally *t, const struct stack *s)
{
	t->stacks++;
	t->ends[s->end]++;
	t->guessed += s->guesses > 0;
}

void tally_add(struct tally *t, const struct stack *s)
{
	count(t, s);
	count(&all, s);
}

const struct tally *tally_all(void)
{
	return &all;
}

void comment_tally(struct profile *p, const struct tally *t)
{
	uint64_t truncated = 0;

	for (unsigned int i = KPPROF_END_COMPLETE + 1; i < KPPROF_ENDS_N; i++)
		truncated += t->ends[i];
	profile_comment(p, "truncated stacks: %llu of %llu", (unsigned long long)truncated,
			(unsigned long long)t->stacks);
	for (unsigned int i = KPPROF_END_COMPLETE + 1; i < KPPROF_ENDS_N; i++)
		if (t->ends[i])
			profile_comment(p, "truncated: %s: %llu", frames_end_text(i),
					(unsigned long long)t->ends[i]);
	profile_comment(p, "guessed stacks: %llu", (unsigned long long)t->guessed);
}

void answer_profile(struct http_request *req, const struct profile *p, const char *name)
{
	_cleanup_buf_ struct buf gz = {0};
	int err;

	if (format_asked(req) != FORMAT_PPROF) {
		format_answer(req, p, name);
		return;
	}
	err = proto_write(p, &gz);
	if (err)
		http_reply_error(req, http_status_of(err), "failed to write the profile: %s",
				 strerror(-err));
	else
		http_reply_profile(req, name, &gz);
}
