// SPDX-License-Identifier: GPL-2.0-or-later
#include "record.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#if defined(__x86_64__)
#include <asm/perf_regs.h>

/* ax bx cx dx si di bp sp ip, and r8 to r15 */
const uint64_t record_regs_mask = 0x1ffull | 0xff0000ull;

enum { IP_SLOT = PERF_REG_X86_IP, NSLOTS = 17 };
/* The DWARF number of each register in the order of the mask; the instruction pointer has none. */
static const uint8_t dwarf_of_slot[NSLOTS] = {
	[PERF_REG_X86_AX] = 0,
	[PERF_REG_X86_BX] = 3,
	[PERF_REG_X86_CX] = 2,
	[PERF_REG_X86_DX] = 1,
	[PERF_REG_X86_SI] = 4,
	[PERF_REG_X86_DI] = 5,
	[PERF_REG_X86_BP] = 6,
	[PERF_REG_X86_SP] = 7,
	[9] = 8,
	[10] = 9,
	[11] = 10,
	[12] = 11,
	[13] = 12,
	[14] = 13,
	[15] = 14,
	[16] = 15,
};
#else
#error "the order of this machine's registers in a perf sample is not known here"
#endif

/* The trailer of every record but a sample, with RECORD_ID_TYPE and sample_id_all. */
struct trailer {
	uint32_t pid;
	uint32_t tid;
	uint64_t time;
	uint32_t cpu;
	uint32_t reserved;
};

/* A cursor over a record; what does not fit makes it bad, and everything after reads as zero. */
struct cursor {
	const unsigned char *at;
	size_t left;
	bool bad;
};

static const void *take(struct cursor *c, uint64_t n)
{
	const void *at = c->at;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	c->at += n;
	c->left -= n;
	return at;
}

static uint64_t take_u64(struct cursor *c)
{
	const void *at = take(c, 8);
	uint64_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return v;
}

static uint32_t take_u32(struct cursor *c)
{
	const void *at = take(c, 4);
	uint32_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return v;
}

static struct cursor body_of(const struct perf_event_header *h)
{
	return (struct cursor){.at = (const unsigned char *)(h + 1), .left = h->size - sizeof(*h)};
}

static int read_trailer(const struct perf_event_header *h, struct trailer *t)
{
	if (h->size < sizeof(*h) + sizeof(*t))
		return -EBADMSG;
	memcpy(t, (const unsigned char *)h + h->size - sizeof(*t), sizeof(*t));
	return 0;
}

int record_time(const struct perf_event_header *h, uint64_t *time)
{
	struct trailer t;
	int err;

	if (h->type == PERF_RECORD_SAMPLE) {
		/* ip, then pid and tid, then time */
		if (h->size < sizeof(*h) + 24)
			return -EBADMSG;
		memcpy(time, (const unsigned char *)(h + 1) + 16, sizeof(*time));
		return 0;
	}
	err = read_trailer(h, &t);
	*time = err ? 0 : t.time;
	return err;
}

static void parse_regs(struct cursor *c, struct record_sample *s)
{
	s->abi = take_u64(c);
	if (s->abi == PERF_SAMPLE_REGS_ABI_NONE)
		return;
	for (unsigned int i = 0; i < NSLOTS; i++) {
		uint64_t v = take_u64(c);

		if (i == IP_SLOT)
			s->user_ip = v;
		else
			s->regs[dwarf_of_slot[i]] = v;
	}
}

/* What all kinds of sample begin with, up to the callchain, which not all have. */
static int parse_sample_head(const struct perf_event_header *h, uint64_t type, struct cursor *c,
			     struct record *r)
{
	struct record_sample *s = &r->sample;

	*s = (struct record_sample){0};
	s->kernel_mode = (h->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	s->ip = take_u64(c);
	r->pid = (pid_t)take_u32(c);
	r->tid = (pid_t)take_u32(c);
	r->time = take_u64(c);
	r->cpu = take_u32(c);
	take_u32(c);
	s->period = take_u64(c);
	s->nchain = type & PERF_SAMPLE_CALLCHAIN ? take_u64(c) : 0;
	if (s->nchain > UINT16_MAX)
		return -EBADMSG;
	s->chain = take(c, s->nchain * 8);
	return c->bad ? -EBADMSG : 0;
}

/* Registers and stack, as every sample that has them ends. */
static int parse_dump(struct cursor *c, struct record_sample *s)
{
	parse_regs(c, s);
	s->stack_asked = take_u64(c);
	s->stack = take(c, s->stack_asked);
	/* The length that was really read stands behind the dump, if there is a dump. */
	if (s->stack_asked)
		s->stack_len = take_u64(c);
	return c->bad || s->stack_len > s->stack_asked ? -EBADMSG : 0;
}

static int parse_sample(const struct perf_event_header *h, uint64_t type, struct record *r)
{
	struct record_sample *s = &r->sample;
	struct cursor c = body_of(h);

	if (parse_sample_head(h, type, &c, r))
		return -EBADMSG;
	if (type & PERF_SAMPLE_RAW) {
		s->raw_len = take_u32(&c);
		s->raw = take(&c, s->raw_len);
	}
	if (type & PERF_SAMPLE_STACK_USER)
		return parse_dump(&c, s);
	return c.bad ? -EBADMSG : 0;
}

/* A NUL-terminated string in front of the trailer. */
static const char *take_string(struct cursor *c)
{
	const void *at = c->at;
	size_t room = c->left < sizeof(struct trailer) ? 0 : c->left - sizeof(struct trailer);

	if (c->bad || !memchr(at, 0, room)) {
		c->bad = true;
		return "";
	}
	return at;
}

static void parse_mmap2(struct cursor *c, struct record *r)
{
	uint64_t start, len;
	uint32_t major_nr, minor_nr;

	r->pid = (pid_t)take_u32(c);
	r->tid = (pid_t)take_u32(c);
	start = take_u64(c);
	len = take_u64(c);
	r->mmap.start = start;
	r->mmap.end = start + len;
	r->mmap.offset = take_u64(c);
	major_nr = take_u32(c);
	minor_nr = take_u32(c);
	r->mmap.dev = makedev(major_nr, minor_nr);
	r->mmap.ino = take_u64(c);
	take(c, 16); /* inode generation, protection, flags */
	r->mmap.path = take_string(c);
	if (start + len < start)
		c->bad = true;
}

static void parse_task(struct cursor *c, struct record *r)
{
	r->pid = (pid_t)take_u32(c);
	r->task.ppid = (pid_t)take_u32(c);
	r->tid = (pid_t)take_u32(c);
	r->task.ptid = (pid_t)take_u32(c);
}

int record_parse(const struct perf_event_header *h, struct record *r)
{
	struct cursor c = body_of(h);
	struct trailer t;

	*r = (struct record){.type = h->type, .misc = h->misc};
	if (h->type == PERF_RECORD_SAMPLE)
		return parse_sample(h, RECORD_SAMPLE_TYPE, r);
	if (read_trailer(h, &t))
		return -EBADMSG;
	r->time = t.time;
	r->cpu = t.cpu;
	r->pid = (pid_t)t.pid;
	r->tid = (pid_t)t.tid;
	switch (h->type) {
	case PERF_RECORD_MMAP2:
		parse_mmap2(&c, r);
		break;
	case PERF_RECORD_COMM:
		r->pid = (pid_t)take_u32(&c);
		r->tid = (pid_t)take_u32(&c);
		r->comm.name = take_string(&c);
		r->comm.exec = h->misc & PERF_RECORD_MISC_COMM_EXEC;
		break;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		parse_task(&c, r);
		break;
	case PERF_RECORD_LOST:
		take_u64(&c); /* id */
		r->lost = take_u64(&c);
		break;
	case PERF_RECORD_LOST_SAMPLES:
		r->lost = take_u64(&c);
		break;
	case PERF_RECORD_THROTTLE:
	case PERF_RECORD_SWITCH_CPU_WIDE:
		break;
	default:
		return -ENOTSUP;
	}
	return c.bad ? -EBADMSG : 0;
}

/* A dynamic array of a trace event: its offset and, in the upper half, its size. */
static const unsigned char *find_array(const unsigned char *raw, uint32_t size, uint32_t where,
				       uint32_t *len)
{
	uint32_t at = where & 0xffff;

	*len = where >> 16;
	return at <= size && *len <= size - at ? raw + at : NULL;
}

/* What the module's records of a walk have in common. */
static int take_walk(const unsigned char *raw, uint32_t size, uint32_t ips_where, uint8_t end,
		     uint8_t guesses, struct record_sample *s)
{
	uint32_t len;

	s->ips = find_array(raw, size, ips_where, &len);
	if (!s->ips || end >= KPPROF_ENDS_N)
		return -EBADMSG;
	s->walked = true;
	s->nips = len / sizeof(uint64_t);
	s->end = end;
	s->guesses = guesses;
	return 0;
}

/* A record that has more in it than a sample, for who knows its event. */
static void keep_raw(const unsigned char *raw, uint32_t size, uint32_t cookie, uint8_t context,
		     struct record_sample *s)
{
	s->raw = raw;
	s->raw_len = size;
	s->cookie = cookie;
	s->context = context;
}

static int parse_cpu_record(const unsigned char *raw, uint32_t size, struct record_sample *s)
{
	struct kpprof_cpu_record rec;

	if (size < sizeof(rec))
		return -EBADMSG;
	memcpy(&rec, raw, sizeof(rec));
	if (rec.context >= __KPPROF_CONTEXTS ||
	    take_walk(raw, size, rec.ips_where, rec.end, rec.guesses, s))
		return -EBADMSG;
	s->cookie = rec.cookie;
	s->arm = rec.arm;
	s->context = rec.context;
	s->period = rec.period;
	return 0;
}

static int parse_stack_record(const unsigned char *raw, uint32_t size, struct record_sample *s)
{
	struct kpprof_stack_record rec;
	uint32_t len;

	if (size < sizeof(rec))
		return -EBADMSG;
	memcpy(&rec, raw, sizeof(rec));
	s->stack = find_array(raw, size, rec.stack_where, &len);
	if (!s->stack || rec.context > KPPROF_CONTEXT_HEAP)
		return -EBADMSG;
	s->abi = PERF_SAMPLE_REGS_ABI_64;
	s->user_ip = rec.ip;
	memcpy(s->regs, rec.regs, sizeof(s->regs));
	s->stack_len = len;
	s->stack_asked = rec.whole ? (uint64_t)len + 1 : len;
	s->stack_at = rec.at;
	s->stack_more = rec.more;
	s->cookie = rec.cookie;
	s->arm = rec.arm;
	s->context = rec.context;
	s->period = rec.period;
	return 0;
}

static int parse_sched_record(const unsigned char *raw, uint32_t size, struct record_sample *s)
{
	struct kpprof_sched_record rec;

	if (size < sizeof(rec))
		return -EBADMSG;
	memcpy(&rec, raw, sizeof(rec));
	keep_raw(raw, size, rec.cookie, KPPROF_CONTEXT_SCHED, s);
	return take_walk(raw, size, rec.ips_where, rec.end, rec.guesses, s);
}

_Static_assert(sizeof(struct kpprof_heap_record) == 60, "as the module has it");

static int parse_heap_record(const unsigned char *raw, uint32_t size, struct record_sample *s)
{
	struct kpprof_heap_record rec;

	if (size < sizeof(rec))
		return -EBADMSG;
	memcpy(&rec, raw, sizeof(rec));
	keep_raw(raw, size, rec.cookie, KPPROF_CONTEXT_HEAP, s);
	s->arm = rec.arm;
	return take_walk(raw, size, rec.ips_where, rec.end, rec.guesses, s);
}

static int parse_module_sample(const struct perf_event_header *h,
			       const struct record_module *module, struct record *r)
{
	struct cursor c = body_of(h);
	const unsigned char *raw;
	uint16_t event;
	uint32_t size;

	if (parse_sample_head(h, RECORD_MODULE_TYPE, &c, r))
		return -EBADMSG;
	size = take_u32(&c);
	raw = take(&c, size);
	if (c.bad || size < sizeof(event))
		return -EBADMSG;
	/* The first of the fields that every trace event has is its number. */
	memcpy(&event, raw, sizeof(event));
	if (event == module->cpu)
		return parse_cpu_record(raw, size, &r->sample);
	if (event == module->stack)
		return parse_stack_record(raw, size, &r->sample);
	if (event == module->sched)
		return parse_sched_record(raw, size, &r->sample);
	if (module->heap && event == module->heap)
		return parse_heap_record(raw, size, &r->sample);
	return -ENOTSUP;
}

int record_parse_module(const struct perf_event_header *h, const struct record_module *module,
			struct record *r)
{
	if (h->type != PERF_RECORD_SAMPLE)
		return record_parse(h, r);
	*r = (struct record){.type = h->type, .misc = h->misc};
	return parse_module_sample(h, module, r);
}

int record_parse_raw(const struct perf_event_header *h, struct record *r)
{
	struct cursor c = body_of(h);
	struct record_sample *s = &r->sample;

	if (h->type != PERF_RECORD_SAMPLE)
		return record_parse(h, r);
	*r = (struct record){.type = h->type, .misc = h->misc};
	s->ip = take_u64(&c);
	r->pid = (pid_t)take_u32(&c);
	r->tid = (pid_t)take_u32(&c);
	r->time = take_u64(&c);
	r->cpu = take_u32(&c);
	take_u32(&c);
	s->period = take_u64(&c);
	s->raw_len = take_u32(&c);
	s->raw = take(&c, s->raw_len);
	if (c.bad)
		return -EBADMSG;
	return c.left ? parse_dump(&c, s) : 0;
}

int record_parse_trace(const struct perf_event_header *h, uint64_t type, struct record *r)
{
	if (h->type != PERF_RECORD_SAMPLE)
		return record_parse(h, r);
	*r = (struct record){.type = h->type, .misc = h->misc};
	return parse_sample(h, type, r);
}

int record_parse_fault(const struct perf_event_header *h, struct record *r)
{
	struct cursor c = body_of(h);
	struct record_sample *s = &r->sample;

	if (h->type != PERF_RECORD_SAMPLE)
		return record_parse(h, r);
	*r = (struct record){.type = h->type, .misc = h->misc};
	s->ip = take_u64(&c);
	r->pid = (pid_t)take_u32(&c);
	r->tid = (pid_t)take_u32(&c);
	r->time = take_u64(&c);
	s->addr = take_u64(&c);
	r->cpu = take_u32(&c);
	take_u32(&c);
	return c.bad ? -EBADMSG : parse_dump(&c, s);
}
