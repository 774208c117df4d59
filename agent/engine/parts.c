// SPDX-License-Identifier: GPL-2.0-or-later
#include "parts.h"

void parts_deinit(struct parts *p)
{
	buf_deinit(&p->head);
	buf_deinit(&p->stack);
	buf_deinit(&p->sched);
}

static void begin(struct parts *p, const struct perf_event_header *h, const struct record_sample *s)
{
	p->head.len = p->stack.len = 0;
	buf_append(&p->head, h, h->size);
	buf_append(&p->stack, s->stack, s->stack_len);
}

/* Decodes the first record again, now with all of the stack. */
static bool finish(struct parts *p, const struct record_module *module, struct record *r)
{
	bool ended = r->sample.stack_asked > r->sample.stack_len;

	if (buf_error(&p->head) || buf_error(&p->stack) ||
	    record_parse_module((const void *)p->head.data, module, r)) {
		parts_deinit(p);
		return false;
	}
	r->sample.stack = (const void *)p->stack.data;
	r->sample.stack_len = p->stack.len;
	r->sample.stack_asked = p->stack.len + ended;
	/* What is pointed to stays until the next record. */
	p->head.len = 0;
	return true;
}

bool parts_join(struct parts *p, const struct perf_event_header *h,
		const struct record_module *module, struct record *r)
{
	const struct record_sample *s = &r->sample;

	if (!s->stack_at && !s->stack_more)
		return true;
	if (!s->stack_at) {
		begin(p, h, s);
		return false;
	}
	if (!p->head.len || p->stack.len != s->stack_at) {
		p->head.len = 0;
		return false;
	}
	buf_append(&p->stack, s->stack, s->stack_len);
	return !s->stack_more && finish(p, module, r);
}

void parts_keep(struct parts *p, const struct perf_event_header *h)
{
	p->sched.len = 0;
	buf_append(&p->sched, h, h->size);
}

bool parts_kept(struct parts *p, const struct record_module *module, struct record *r)
{
	bool there = p->sched.len && !buf_error(&p->sched);

	p->sched.len = 0;
	p->sched.error = 0;
	return there && !record_parse_module((const void *)p->sched.data, module, r);
}
