// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is stuck in a wait-for graph, and how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/locks/graph.h"

static const struct graph_node running = {.by = RELEASE_FREE};

static struct graph_node behind(uint32_t owner)
{
	return (struct graph_node){.by = RELEASE_THREAD, .owner = owner};
}

/* Waits for any thread of process @owner, and is one of @process. */
static struct graph_node anybody(uint32_t process, uint32_t owner)
{
	return (struct graph_node){.process = process, .by = RELEASE_PROCESS, .owner = owner};
}

static void solve(const struct graph_node *nodes, uint32_t n, bool excuse, struct graph *g)
{
	assert_int_equal(graph_solve(nodes, n, 2, excuse, g), 0);
}

static void assert_group(const struct graph *g, uint32_t k, enum graph_kind kind, uint32_t n,
			 uint32_t behind_it)
{
	assert_true(k < g->ngroups);
	assert_int_equal(g->groups[k].kind, kind);
	assert_int_equal(g->groups[k].n, n);
	assert_int_equal(g->groups[k].behind, behind_it);
}

static void test_cycles(void **state)
{
	/* 1 -> 3 -> 4 -> 1 with 2 and 0 behind, 5 for itself, 6 behind one that runs. */
	const struct graph_node nodes[] = {behind(2), behind(3), behind(1), behind(4),
					   behind(1), behind(5), behind(7), running};
	const uint32_t cycle[] = {1, 3, 4};
	_cleanup_(graph_deinit) struct graph g;

	(void)state;
	solve(nodes, ARRAY_SIZE(nodes), false, &g);
	assert_int_equal(g.ngroups, 2);
	assert_group(&g, 0, GRAPH_CYCLE, 3, 2);
	assert_memory_equal(g.members + g.groups[0].first, cycle, sizeof(cycle));
	assert_group(&g, 1, GRAPH_SELF, 1, 0);
	assert_false(g.stuck[6] || g.stuck[7]);
	assert_true(g.stuck[0] && g.stuck[2] && !g.member[0] && g.member[4]);
}

static void test_gone(void **state)
{
	const struct graph_node nodes[] = {{.by = RELEASE_NEVER}, behind(0), behind(1), running};
	_cleanup_(graph_deinit) struct graph g;

	(void)state;
	solve(nodes, ARRAY_SIZE(nodes), false, &g);
	assert_int_equal(g.ngroups, 1);
	assert_group(&g, 0, GRAPH_GONE, 1, 2);
}

/* A lock that does not say who holds it. */
static void test_anybody(void **state)
{
	struct graph_node nodes[] = {anybody(0, 0), behind(0), behind(1), {.process = 1}};
	_cleanup_(graph_deinit) struct graph g, free_one, dead_one;

	(void)state;
	solve(nodes, ARRAY_SIZE(nodes), false, &g);
	assert_int_equal(g.ngroups, 1);
	assert_group(&g, 0, GRAPH_KNOT, 1, 2);
	/* One thread of the process that runs may be the holder. */
	nodes[2] = running;
	solve(nodes, ARRAY_SIZE(nodes), false, &free_one);
	assert_int_equal(free_one.ngroups, 0);
	/* One that has ended is not. */
	nodes[2].by = RELEASE_DEAD;
	solve(nodes, ARRAY_SIZE(nodes), false, &dead_one);
	assert_int_equal(dead_one.ngroups, 1);
	assert_group(&dead_one, 0, GRAPH_KNOT, 1, 1);
}

static void test_idle(void **state)
{
	const struct graph_node nodes[] = {anybody(0, 0), behind(0), {.idle = true}};
	_cleanup_(graph_deinit) struct graph strict, lenient;

	(void)state;
	solve(nodes, ARRAY_SIZE(nodes), false, &strict);
	assert_int_equal(strict.ngroups, 0);
	solve(nodes, ARRAY_SIZE(nodes), true, &lenient);
	assert_int_equal(lenient.ngroups, 1);
	assert_group(&lenient, 0, GRAPH_KNOT, 1, 1);
	assert_false(lenient.stuck[2]);
	/* Whoever waits for the idle one itself is not stuck. */
	const struct graph_node waits[] = {behind(1), {.idle = true}};
	_cleanup_(graph_deinit) struct graph g;

	solve(waits, ARRAY_SIZE(waits), true, &g);
	assert_int_equal(g.ngroups, 0);
}

/* Two processes, each of which has a file lock that the other one's threads wait for. */
static void test_processes(void **state)
{
	struct graph_node nodes[] = {anybody(0, 1), behind(0), anybody(1, 0), anybody(1, 0)};
	_cleanup_(graph_deinit) struct graph g, loose;

	(void)state;
	solve(nodes, ARRAY_SIZE(nodes), false, &g);
	assert_int_equal(g.ngroups, 1);
	assert_int_equal(g.groups[0].kind, GRAPH_CYCLE);
	assert_int_equal(g.groups[0].n + g.groups[0].behind, 4);
	nodes[3] = (struct graph_node){.process = 1};
	solve(nodes, ARRAY_SIZE(nodes), false, &loose);
	assert_int_equal(loose.ngroups, 0);
}

static void test_long(void **state)
{
	enum { N = 30000 };
	static struct graph_node nodes[N];
	_cleanup_(graph_deinit) struct graph ring, chain, none;

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		nodes[i] = behind((i + 1) % N);
	solve(nodes, N, false, &ring);
	assert_int_equal(ring.ngroups, 1);
	assert_group(&ring, 0, GRAPH_CYCLE, N, 0);
	nodes[N - 1] = running;
	solve(nodes, N, false, &chain);
	assert_int_equal(chain.ngroups, 0);
	solve(nodes, 0, false, &none);
	assert_int_equal(none.ngroups, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cycles),	  cmocka_unit_test(test_gone),
		cmocka_unit_test(test_anybody),	  cmocka_unit_test(test_idle),
		cmocka_unit_test(test_processes), cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
