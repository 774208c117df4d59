// SPDX-License-Identifier: GPL-2.0-only
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/random.h>

#include "../uapi/kpprof.h"
#include "pick.h"
#include "stamp.h"

static DEFINE_PER_CPU(u32, seed);

/* xorshift32: good enough to be fair, and five instructions. */
static u32 chance(void)
{
	u32 x = this_cpu_read(seed);

	if (!x)
		x = get_random_u32() | 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	this_cpu_write(seed, x);
	return x;
}

/* A random part of a rate. */
static u64 part(u64 stamps)
{
	return mul_u64_u32_shr(stamps, chance(), 32) + 1;
}

void kpprof_pick_set(struct kpprof_pick *p, u64 rate)
{
	if (p->left && p->rate == rate)
		return;
	WRITE_ONCE(p->rate, rate);
	WRITE_ONCE(p->stamps, kpprof_stamps(rate));
	WRITE_ONCE(p->left, part(p->stamps));
}

/* @n rates for each @took. */
static u64 weigh(u64 stamps, u64 took, unsigned int n)
{
	if (stamps >> 40)
		return div64_u64(stamps, took) * KPPROF_COUNT_ONE * n;
	return div64_u64(stamps * KPPROF_COUNT_ONE, took) * n;
}

u64 kpprof_pick_weight(struct kpprof_pick *p, u64 took)
{
	u64 stamps = READ_ONCE(p->stamps);
	unsigned int n = 0;

	if (READ_ONCE(kpprof_governor_slowed))
		stamps = kpprof_stamps(kpprof_governor_rate(READ_ONCE(p->rate)));
	if (took >= stamps)
		return KPPROF_COUNT_ONE;
	/* It was farther to the next point at a rate that was. */
	if (p->left > (s64)(2 * stamps))
		p->left = part(stamps);
	for (p->left -= took; p->left <= 0; n++)
		p->left += stamps / 2 + part(stamps);
	return n ? weigh(stamps, took, n) : 0;
}
