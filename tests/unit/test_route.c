// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/route.c and index.c: paths, and the page that links to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/http/index.h"
#include "../../agent/http/route.h"

/* As long as a name may be. */
#define LONG_NAME "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct target box = {.kind = TARGET_BOX};
static const struct target self = {.kind = TARGET_PID, .pid = 4711};

/* --- routes --- */

static void test_endpoints(void **state)
{
	static const struct {
		const char *path;
		enum endpoint endpoint;
	} good[] = {
		{"/debug/pprof/", ENDPOINT_INDEX},
		{"/debug/pprof/allocs", ENDPOINT_ALLOCS},
		{"/debug/pprof/block", ENDPOINT_BLOCK},
		{"/debug/pprof/cmdline", ENDPOINT_CMDLINE},
		{"/debug/pprof/goroutine", ENDPOINT_GOROUTINE},
		{"/debug/pprof/heap", ENDPOINT_HEAP},
		{"/debug/pprof/mutex", ENDPOINT_MUTEX},
		{"/debug/pprof/profile", ENDPOINT_PROFILE},
		{"/debug/pprof/symbol", ENDPOINT_SYMBOL},
		{"/debug/pprof/thread", ENDPOINT_THREAD},
		{"/debug/pprof/threadcreate", ENDPOINT_THREADCREATE},
		{"/debug/pprof/trace", ENDPOINT_TRACE},
		{"/%64ebug/pprof/h%65ap", ENDPOINT_HEAP},
	};
	struct route r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(route_parse(good[i].path, NULL, NULL, &self, &r), ROUTE_OK);
		assert_int_equal(r.endpoint, good[i].endpoint);
		assert_int_equal(r.target.kind, TARGET_PID);
		assert_int_equal(r.target.pid, 4711);
		assert_string_equal(r.prefix, "");
		assert_false(r.by_query);
	}
}

static void test_beside(void **state)
{
	struct route r;

	(void)state;
	assert_int_equal(route_parse("/debug/bundle", NULL, NULL, &self, &r), ROUTE_OK);
	assert_int_equal(r.endpoint, ENDPOINT_BUNDLE);
	assert_int_equal(r.target.pid, 4711);
	assert_int_equal(route_parse("/pid/7/debug/buildids", "8", NULL, &self, &r), ROUTE_OK);
	assert_int_equal(r.endpoint, ENDPOINT_BUILDIDS);
	assert_int_equal(r.target.pid, 7);
	assert_string_equal(r.prefix, "/pid/7");
	assert_int_equal(route_parse("/debug/bundle", NULL, "a b", &self, &r), ROUTE_OK);
	assert_string_equal(r.prefix, "/comm/a%20b");
	assert_string_equal(endpoint_name(r.endpoint), "");
	assert_int_equal(route_parse("/pid/x/debug/bundle", NULL, NULL, &self, &r),
			 ROUTE_BAD_TARGET);
	assert_int_equal(route_parse("/debug/bundle/", NULL, NULL, &self, &r), ROUTE_NOT_FOUND);
	assert_int_equal(route_parse("/debug/bundles", NULL, NULL, &self, &r), ROUTE_NOT_FOUND);
	assert_int_equal(route_parse("/pid/x/debug/no", NULL, NULL, &self, &r), ROUTE_NOT_FOUND);
}

static void expect_result(const char *path, enum route_result want)
{
	struct route r;
	enum route_result got = route_parse(path, NULL, NULL, &box, &r);

	if (got != want)
		fail_msg("%s: result %d, not %d", path, got, want);
	if (want == ROUTE_BAD_TARGET)
		assert_non_null(r.why);
}

static void test_unknown(void **state)
{
	static const char *const unknown[] = {
		"/debug/pprof/nonsense",  "/debug/pprof/heap/",	   "/debug/pprof/profile/",
		"/debug/pprof/heap%2f",	  "/debug/pprof/Heap",	   "/debug/pprof/heap%20",
		"/debug/pprof/heap/heap", "/debug/pprof//heap",	   "/debug/pprof/index",
		"/pid/1/debug/pprof/x",	  "/comm/x/debug/pprof/x", "/debug/pprof/%2f",
	};
	static const char *const nothing[] = {
		"",
		"x",
		"*",
		"//",
		"/debug",
		"/debug/",
		"/debug/pprofx",
		"/debug//pprof/",
		"/pid",
		"/pid/1",
		"/pid/1/",
		"/pid/1/debug",
		"/pid/1/debug/pprofx",
		"/pid/debug/pprof/heap",
		"/pid/1/cmdline",
		"/pid//1/debug/pprof/",
		"/comm/a/b/debug/pprof/heap",
		"/pids/1/debug/pprof/heap",
		"debug/pprof/heap",
		"/x/pid/1/debug/pprof/heap",
		"/debug%2fpprof/heap",
		"/pid/1/pid/2/debug/pprof/heap",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		expect_result(unknown[i], ROUTE_UNKNOWN_PROFILE);
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		expect_result(nothing[i], ROUTE_NOT_FOUND);
}

static void test_targets(void **state)
{
	struct route r;

	(void)state;
	assert_int_equal(route_parse("/pid/812/debug/pprof/heap", NULL, NULL, &box, &r), ROUTE_OK);
	assert_int_equal(r.target.kind, TARGET_PID);
	assert_int_equal(r.target.pid, 812);
	assert_string_equal(r.prefix, "/pid/812");
	assert_int_equal(route_parse("/comm/ng%69nx/debug/pprof/", NULL, NULL, &box, &r), ROUTE_OK);
	assert_int_equal(r.target.kind, TARGET_COMM);
	assert_string_equal(r.target.comm, "nginx");
	assert_string_equal(r.prefix, "/comm/nginx");
	assert_int_equal(route_parse("/comm/a+b%20%22<c/debug/pprof/", NULL, NULL, &box, &r),
			 ROUTE_OK);
	assert_string_equal(r.target.comm, "a+b \"<c");
	assert_string_equal(r.prefix, "/comm/a%2Bb%20%22%3Cc");
	assert_int_equal(route_parse("/comm/" LONG_NAME "/debug/pprof/", NULL, NULL, &box, &r),
			 ROUTE_OK);
	assert_string_equal(r.prefix, "/comm/" LONG_NAME);
	/* A name of digits, or one that is a word of ours, can be asked for. */
	assert_int_equal(route_parse("/comm/812/debug/pprof/heap", NULL, NULL, &box, &r), ROUTE_OK);
	assert_int_equal(r.target.kind, TARGET_COMM);
	assert_int_equal(route_parse("/comm/debug/debug/pprof/heap", NULL, NULL, &box, &r),
			 ROUTE_OK);
	assert_string_equal(r.target.comm, "debug");
	assert_false(r.by_query);
}

static void test_bad_targets(void **state)
{
	static const char *const bad[] = {
		"/pid/0/debug/pprof/heap",
		"/pid/-1/debug/pprof/heap",
		"/pid/4194305/debug/pprof/heap",
		"/pid/1x/debug/pprof/heap",
		"/pid/+1/debug/pprof/heap",
		"/pid/%20/debug/pprof/heap",
		"/pid//debug/pprof/heap",
		"/pid/self/debug/pprof/heap",
		"/pid/99999999999999999999/debug/pprof/heap",
		"/pid/01/debug/pprof",
		"/comm//debug/pprof/heap",
		"/comm/a%2fb/debug/pprof/heap",
		"/comm/%2e%2e%2f/debug/pprof/",
		"/comm/a%0ab/debug/pprof/heap",
		"/comm/a%7f/debug/pprof/heap",
		"/comm/a%00b/debug/pprof/heap",
		"/comm/a%zz/debug/pprof/heap",
		"/comm/%/debug/pprof/heap",
		"/debug/pprof/%00",
		"/debug/pprof/heap%",
		"/%gg",
		"/pid/1%00/debug/pprof/heap",
		"/comm/" LONG_NAME "g/debug/pprof/heap",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_result(bad[i], ROUTE_BAD_TARGET);
}

static void test_query_targets(void **state)
{
	struct route r;

	(void)state;
	assert_int_equal(route_parse("/debug/pprof/heap", "5", NULL, &box, &r), ROUTE_OK);
	assert_int_equal(r.target.pid, 5);
	assert_true(r.by_query);
	assert_string_equal(r.prefix, "/pid/5");
	assert_int_equal(route_parse("/debug/pprof/heap", NULL, "a b", &self, &r), ROUTE_OK);
	assert_string_equal(r.target.comm, "a b");
	assert_int_equal(route_parse("/debug/pprof/heap", "5", "x", &box, &r), ROUTE_OK);
	assert_int_equal(r.target.kind, TARGET_PID);
	assert_int_equal(route_parse("/pid/7/debug/pprof/heap", "5", "x", &box, &r), ROUTE_OK);
	assert_int_equal(r.target.pid, 7);
	assert_false(r.by_query);
	assert_int_equal(route_parse("/debug/pprof/heap", "", NULL, &box, &r), ROUTE_BAD_TARGET);
	assert_int_equal(route_parse("/debug/pprof/heap", "x", "x", &box, &r), ROUTE_BAD_TARGET);
	assert_int_equal(route_parse("/debug/pprof/heap", NULL, "a/b", &box, &r), ROUTE_BAD_TARGET);
	assert_int_equal(route_parse("/debug/pprof/heap", NULL, "", &box, &r), ROUTE_BAD_TARGET);
	assert_int_equal(route_parse("/pid/7/debug/pprof/heap", "x", "a/b", &box, &r), ROUTE_OK);
}

static void expect_redirect(const char *path, const char *location)
{
	struct route r;

	assert_int_equal(route_parse(path, "x", "/", &box, &r), ROUTE_REDIRECT);
	assert_string_equal(r.location, location);
}

static void test_redirects(void **state)
{
	char path[512], want[512];

	(void)state;
	expect_redirect("/", "/debug/pprof/");
	expect_redirect("/debug/pprof", "/debug/pprof/");
	expect_redirect("/debug/pprof//", "/debug/pprof/");
	expect_redirect("/debug/pprof////", "/debug/pprof/");
	expect_redirect("/pid/812/debug/pprof", "/pid/812/debug/pprof/");
	expect_redirect("/comm/a%20%2B/debug/pprof//", "/comm/a%20%2B/debug/pprof/");
	strcpy(path, "/comm/");
	for (int i = 0; i < TARGET_COMM_MAX; i++)
		strcat(path, "%FF");
	strcpy(want, path);
	expect_redirect(strcat(path, "/debug/pprof"), strcat(want, "/debug/pprof/"));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(endpoint_name(ENDPOINT_INDEX), "");
	assert_string_equal(endpoint_name(ENDPOINT_THREADCREATE), "threadcreate");
	for (int e = ENDPOINT_INDEX + 2; e < ENDPOINT_N; e++)
		assert_true(strcmp(endpoint_name((enum endpoint)(e - 1)),
				   endpoint_name((enum endpoint)e)) < 0);
}

/* --- the index --- */

static char *index_of(const char *path, const char *pid)
{
	unsigned int counts[ENDPOINT_N] = {[ENDPOINT_GOROUTINE] = 17, [ENDPOINT_HEAP] = 3};
	struct buf page = {0};
	struct route r;

	assert_int_equal(route_parse(path, pid, NULL, &box, &r), ROUTE_OK);
	assert_int_equal(index_page(&r, counts, &page), 0);
	buf_append(&page, "", 1);
	return page.data;
}

static void expect_in(const char *page, const char *text)
{
	if (!strstr(page, text))
		fail_msg("no \"%s\" in %s", text, page);
}

static void test_index(void **state)
{
	_cleanup_free_ char *page = index_of("/debug/pprof/", NULL);

	(void)state;
	expect_in(page, "<html>\n<head>\n<title>/debug/pprof/</title>\n");
	expect_in(page,
		  "<thead><td>Count</td><td>Profile</td></thead>\n"
		  "<tr><td>0</td><td><a href='allocs?debug=1'>allocs</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='block?debug=1'>block</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='cmdline?debug=1'>cmdline</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='deadlock?debug=1'>deadlock</a></td></tr>\n"
		  "<tr><td>17</td><td><a href='goroutine?debug=1'>goroutine</a></td></tr>\n"
		  "<tr><td>3</td><td><a href='heap?debug=1'>heap</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='mutex?debug=1'>mutex</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='profile?debug=1'>profile</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='thread?debug=1'>thread</a></td></tr>\n"
		  "<tr><td>0</td><td><a href='threadcreate?debug=1'>threadcreate</a></td></tr>\n"
		  "</table>\n"
		  "<a href=\"goroutine?debug=2\">full goroutine stack dump</a>\n");
	expect_in(page,
		  "<li><div class=profile-name>cmdline: </div> The command line invocation of the "
		  "current program</li>\n");
	expect_in(page, "the whole box");
	assert_null(strstr(page, "symbol?"));
	assert_null(strstr(page, "trace?"));
}

/* A deadlock is in red, as other things are not. */
static void test_index_deadlock(void **state)
{
	unsigned int counts[ENDPOINT_N] = {[ENDPOINT_DEADLOCK] = 2, [ENDPOINT_HEAP] = 3};
	_cleanup_buf_ struct buf page = {0};
	struct route r;

	(void)state;
	assert_int_equal(route_parse("/debug/pprof/", NULL, NULL, &box, &r), ROUTE_OK);
	assert_int_equal(index_page(&r, counts, &page), 0);
	buf_append(&page, "", 1);
	expect_in(page.data, "<tr><td><b class=deadlock>2</b></td><td><a href='deadlock?debug=1'>");
	expect_in(page.data, "<tr><td>3</td><td><a href='heap");
	expect_in(page.data, "color:red");
}

static void test_index_of_target(void **state)
{
	_cleanup_free_ char *comm = index_of("/comm/%3Cscript%3E'%26/debug/pprof/", NULL);
	_cleanup_free_ char *pid = index_of("/debug/pprof/", "812");

	(void)state;
	expect_in(comm, "<title>/comm/%3Cscript%3E%27%26/debug/pprof/</title>");
	expect_in(comm, "Target: processes named ");
	assert_null(strstr(comm, "<script>"));
	expect_in(comm, "<a href='heap?debug=1'>");
	/* A relative link would drop the parameter. */
	expect_in(pid, "Target: pid 812<br>");
	expect_in(pid, "<a href='/pid/812/debug/pprof/heap?debug=1'>heap</a>");
	expect_in(pid, "<a href=\"/pid/812/debug/pprof/goroutine?debug=2\">");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoints),      cmocka_unit_test(test_beside),
		cmocka_unit_test(test_unknown),	       cmocka_unit_test(test_targets),
		cmocka_unit_test(test_bad_targets),    cmocka_unit_test(test_query_targets),
		cmocka_unit_test(test_redirects),      cmocka_unit_test(test_names),
		cmocka_unit_test(test_index),	       cmocka_unit_test(test_index_of_target),
		cmocka_unit_test(test_index_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
