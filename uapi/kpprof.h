/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* clang-format off */
/*
 * kpprof: the contract between the kernel module, the agent and the control tool.
 *
 * The protocol
 * ============
 *
 * Generic netlink, family KPPROF_GENL_NAME, version KPPROF_GENL_VERSION. Every command needs
 * CAP_NET_ADMIN in the initial user namespace and a socket of the initial network namespace. Each
 * attribute is typed and its length checked; those that a command does not name are refused, so
 * what a module understands is told by STATUS. A refusal carries a text (NLMSGERR_ATTR_MSG).
 * Integers are in the machine's byte order.
 *
 * The module samples for one *client*: the socket that first sent ARM, MAPS or IMAGE. Other sockets
 * get -EBUSY from these commands and a text that names the client, until the client's socket is
 * closed. When it is, by whatever death, all that it armed is disarmed, and its mappings and images
 * are dropped. While there is a client the module cannot be unloaded.
 *
 * KPPROF_CMD_STATUS   get. Reply, one message:
 *
 *     KPPROF_A_ABI            u32     KPPROF_GENL_VERSION of the module
 *     KPPROF_A_RELEASE        string  version of the module
 *     KPPROF_A_LISTEN         string  as LISTEN set it last; absent when nothing is wanted
 *     KPPROF_A_LEASE          u32     seconds that it is kept for still; absent: for good
 *     KPPROF_A_CLIENT_PID     u32     process of the client's socket; absent without a client
 *     KPPROF_A_CLIENT_COMM    string  its name
 *     KPPROF_A_EVENT_CPU      u32     perf tracepoint id of kpprof:kpprof_cpu
 *     KPPROF_A_EVENT_STACK    u32     perf tracepoint id of kpprof:kpprof_stack
 *     KPPROF_A_EVENT_SCHED    u32     perf tracepoint id of kpprof:kpprof_sched
 *     KPPROF_A_EVENT_HEAP     u32     perf tracepoint id of kpprof:kpprof_heap
 *     KPPROF_A_HOOK_COUNTERS  u32     perf counters that exist now
 *     KPPROF_A_HOOK_PROBES    u32     tracepoint probes that are registered now
 *     KPPROF_A_HOOK_UPROBES   u32     probes in allocators that are registered now
 *     KPPROF_A_HOOK_RETURNS   u32     sampled calls of allocators whose return is waited for now
 *     KPPROF_A_NTARGETS       u32     processes that are known, children included
 *     KPPROF_A_NARMS          u32     arms
 *     KPPROF_A_NIMAGES        u32     images
 *     KPPROF_A_IMAGE_BYTES    u64     kernel memory of their rows and of mappings
 *     KPPROF_A_IMAGE_MAX      u64     cap of that
 *     KPPROF_A_SAMPLES        u64     since the module was loaded: samples of armed targets
 *     KPPROF_A_LOST           u64     samples that could not be taken (nested interrupts)
 *     KPPROF_A_UNTRACKED      u64     children that could not be followed for want of memory
 *     KPPROF_A_BUSY_NS        u64     time spent in the sampling interrupt
 *     KPPROF_A_ENDS           nest    u64 per way a walk ended: attribute type i + 1 for
 *                                     enum kpprof_end i
 *     KPPROF_A_NTHREADS       u32     threads that are watched
 *     KPPROF_A_SCHED_EVENTS   u64     records of kpprof:kpprof_sched
 *     KPPROF_A_SCHED_DROPPED  u64     waits, releases and new threads that could not be told of for
 *                                     want of memory
 *     KPPROF_A_SCHED_BUSY_NS  u64     time spent in the scheduler's probes and in their walks
 *     KPPROF_A_HEAP_EVENTS    u64     records of kpprof:kpprof_heap
 *     KPPROF_A_HEAP_BUSY_NS   u64     time spent in the probes of allocators, without what the kernel
 *                                     itself needs to get there and back
 *     KPPROF_A_BUDGET         u32     what the governor lets the probes cost, in thousandths of a CPU
 *     KPPROF_A_SLOWED         u32     how often the governor has doubled the rates of waits
 *
 * KPPROF_CMD_LISTEN   set the address that the agent is to listen on. The module keeps it, and tells
 * the group KPPROF_GENL_GROUP with a message of the same form.
 *
 *     KPPROF_A_LISTEN         string  address as PPROF_ADDR has it, at most KPPROF_ADDR_MAX bytes;
 *                                     absent: no address, the port is closed. -EINVAL for one that
 *                                     is malformed or public: kmod/addr.h has the rule
 *     KPPROF_A_LEASE          u32     seconds after which it is as if no address was set; absent:
 *                                     for good
 *
 *     Process IDs are those of the initial PID namespace; a sender in another one is refused.
 *
 * KPPROF_CMD_ARM      sample targets at a rate. An *arm* is a set of per-CPU counters of one rate
 * with the processes that they look at. Sent again for an arm that exists it adds processes. The
 * children of a process, from then on, belong to the arms of their parent.
 *
 *     KPPROF_A_ARM            u32     number chosen by the client, less than KPPROF_ARMS_MAX
 *     KPPROF_A_HZ             u32     samples per second and CPU, 1 to KPPROF_HZ_MAX; the same when
 *                                     sent again
 *     KPPROF_A_CLOCK          u32     enum kpprof_clock to count, for a new arm; absent: cpu-clock.
 *                                     When cycles cannot be had it is cpu-clock, too
 *     KPPROF_A_BOX            flag    all processes; kernel threads too
 *     KPPROF_A_PID            u32     a process (thread group); may be repeated. -ESRCH when it is
 *                                     not there: nothing of the message is done then
 *
 *     Reply: KPPROF_A_CLOCK u32 enum kpprof_clock, KPPROF_A_NCPUS u32 counters of this arm.
 *
 *     KPPROF_A_WATCH          u32     instead of KPPROF_A_HZ: a *watch*, an arm that looks at how
 *                                     threads wait instead of where they run; enum kpprof_watch
 *                                     bits. Sent again these and the rate replace what was
 *     KPPROF_A_RATE           u64     for a watch: waits of so many nanoseconds are always told,
 *                                     shorter ones with the probability of duration / rate, and
 *                                     then stand for the rate. 0 or absent: all waits; at most
 *                                     KPPROF_RATE_MAX
 *
 *     A thread that several watches look at is told of once, at the lowest of their rates; one that
 *     is for new threads alone has none.
 *
 *     KPPROF_A_HEAP           flag    instead of KPPROF_A_HZ: a *heap arm*. It looks at the allocator of
 *                                     processes: which calls ask for memory, and when it is freed
 *     KPPROF_A_RATE           u64     for a heap arm: mean bytes between two samples, 1 to
 *                                     KPPROF_HEAP_RATE_MAX; the same when sent again
 *     KPPROF_A_PID            u32     for a heap arm: at most one in a message, not sent before for
 *                                     this arm (-EEXIST), with the probes to put into its memory
 *     KPPROF_A_PROBE          nest    may be repeated, 1 to KPPROF_PROBES_MAX in all:
 *         KPPROF_PROBE_A_START  u64   address of a function of the allocator, in a mapped file
 *         KPPROF_PROBE_A_AT     u64   address of the instruction to probe: on all ways into the
 *                                     function, with its arguments in their registers. What lies
 *                                     between the two are instructions that the module can decode,
 *                                     at most KPPROF_PROBE_AHEAD bytes: else -EILSEQ
 *         KPPROF_PROBE_A_KIND   u32   enum kpprof_alloc
 *         KPPROF_PROBE_A_FUNC   u32   number chosen by the client, comes with the samples
 *         KPPROF_PROBE_A_PUSHED u32   bytes by which the stack pointer has changed there; absent: 0
 *         KPPROF_PROBE_A_LEAVES flag  RESIZE of no block, and ALIGNED to what any block is aligned to,
 *                                     go on in another function that is probed itself
 *
 *     Reply for a heap arm: KPPROF_A_NPROBES u32 probes of all heap arms. They are in the memory of
 *     their process only, and taken out when the process or its arm is disarmed, when the client is gone, and when the
 *     process has exited. Children are not probed.
 *
 * KPPROF_CMD_DISARM
 *
 *     KPPROF_A_ARM            u32     absent: all arms of the client; with the last arm go
 *                                     all processes and mappings, images stay
 *     KPPROF_A_PID            u32     may be repeated: takes these out of the arm, which stays; their
 *                                     children stay. Absent: the whole arm ends. When the command
 *                                     returns no counter of it exists.
 *
 * KPPROF_CMD_IMAGE    upload unwind rows, see below: one message that says how large, any number
 * with parts, one that says that it is whole. Refused when not well formed, and the image is
 * dropped.
 *
 *     KPPROF_A_IMAGE          u32     number chosen by the client, not 0
 *     KPPROF_A_NROWS          u32     first message: rows. -EEXIST for an image that exists,
 *     KPPROF_A_NRULES         u32     -ENOSPC over the cap, -EINVAL over a limit
 *     KPPROF_A_AT             u32     a part: index of its first row or rule
 *     KPPROF_A_PCS            binary  a part: u32 each, as many as
 *     KPPROF_A_INDEX          binary  u16 each
 *     KPPROF_A_RULES          binary  a part: struct kpprof_rule each
 *     KPPROF_A_DONE           flag    last message
 *     KPPROF_A_DROP           flag    forget it; mappings that use it keep it until replaced
 *
 * KPPROF_CMD_MAPS     the executable mappings of a process, all of them; replaces what was sent
 * before, at once for all samples that begin later. They are bound to the address space that the
 * process has now: after an execve(2) they are not used any more. A child has its parent's mappings
 * until its own are sent.
 *
 *     KPPROF_A_PID            u32
 *     KPPROF_A_COOKIE         u32     comes with each sample that was walked with these mappings
 *     KPPROF_A_MAP            nest    sorted, not overlapping; may be repeated, KPPROF_MAPS_MAX in
 *                                     all:
 *         KPPROF_MAP_A_START  u64
 *         KPPROF_MAP_A_END    u64
 *         KPPROF_MAP_A_OFFSET u64     file offset of the start
 *         KPPROF_MAP_A_IMAGE  u32     0 or absent: no rows. -ENOENT for an image that is not whole
 *         KPPROF_MAP_A_PENDING flag   rows are on their way
 *     KPPROF_A_MORE           flag    more mappings of this process follow in the next message;
 *                                     nothing changes before the last one
 *
 *     Each mapping is compared with the process: one that is not there any more is -ESTALE. While
 *     nothing is armed nobody follows the process: -EINVAL.
 *
 * KPPROF_CMD_HEAP     get. What a heap arm has counted since it was made, sampled or not, of all of its
 * processes:
 *
 *     KPPROF_A_ARM            u32     in the request
 *     KPPROF_A_ALLOCS         u64     calls that ask for memory
 *     KPPROF_A_ALLOC_BYTES    u64     how much they asked for
 *     KPPROF_A_FREES          u64     calls that free a block
 *     KPPROF_A_LIVE           u64     samples that are followed now
 *     KPPROF_A_OVERFLOW       u64     samples that were not followed: KPPROF_HEAP_LIVE_MAX were
 *     KPPROF_A_UNPLACED       u64     samples whose call never returned, or whose return could not be
 *                                     waited for: the thread's hardware breakpoints are all in use
 *     KPPROF_A_MISSED         u64     samples whose address was given to another block, though nobody
 *                                     was seen to free them
 *     KPPROF_A_DROPPED        u64     samples that were not followed for want of memory
 *
 * KPPROF_CMD_BLOCKS   dump. The samples of a heap arm (KPPROF_A_ARM in the request) that are live:
 * messages with KPPROF_A_SEQS binary, u64 each, the numbers of those that have an address. One that
 * is placed or freed meanwhile may be there or not.
 *
 * KPPROF_CMD_TARGETS  dump. One message for each process that is known: KPPROF_A_PID,
 * KPPROF_A_ARMS u32 bit i for arm i, KPPROF_A_INHERITED flag for a child that was not named by ARM,
 * KPPROF_A_NMAPS u32, KPPROF_A_COMM string.
 *
 * KPPROF_CMD_THREADS  dump. What threads are doing, each at a moment of its own; nothing is stopped, and
 * nobody needs to be the client. Processes that are not there, and threads that end before their
 * turn, are left out; a thread that lives throughout is there once. By thread ID.
 *
 *     KPPROF_A_PID            u32     threads of this process; may be repeated, KPPROF_THREAD_PIDS_MAX
 *                                     in all. Absent: all threads, those of the kernel too
 *     KPPROF_A_TID            u32     only this thread
 *     KPPROF_A_BRIEF          flag    only what is marked with * below
 *
 *     One message for each thread, at most KPPROF_THREAD_MESSAGE_MAX bytes long:
 *
 *     KPPROF_A_PID            u32     *
 *     KPPROF_A_TID            u32     *
 *     KPPROF_A_STATE          u8      * a letter, as in /proc/PID/stat
 *     KPPROF_A_THREAD_FLAGS   u32     * enum kpprof_thread_flags
 *     KPPROF_A_GENERATION     u64     * grows when the thread leaves a CPU. The same number again,
 *                                     without KPPROF_THREAD_RUNNING, means that it has not run since:
 *                                     what was read of its memory meanwhile belongs to its registers
 *     KPPROF_A_COMM           string
 *     KPPROF_A_STATE_NS       u64     time in the state: on a CPU, waiting for one, or asleep. Absent
 *                                     when it is not known: where the kernel counts the time of
 *                                     interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING,
 *                                     CONFIG_PARAVIRT_TIME_ACCOUNTING), or does not count
 *                                     (CONFIG_SCHED_INFO)
 *     KPPROF_A_IP             u64     with KPPROF_THREAD_REGS
 *     KPPROF_A_REGS           binary  16 u64 by DWARF number; with KPPROF_THREAD_REGS
 *     KPPROF_A_SYSCALL        u32     number, with KPPROF_THREAD_SYSCALL
 *     KPPROF_A_ARGS           binary  6 u64, with KPPROF_THREAD_SYSCALL
 *     KPPROF_A_STACK          binary  with KPPROF_THREAD_RUNNING: its user stack at that moment, from
 *                                     the stack pointer up, as far as it could be read without
 *                                     waiting, at most KPPROF_THREAD_STACK_MAX bytes
 *
 *     A thread that runs is interrupted for that, as by the clock; the stack of one that does not
 *     stays where it is, and is read by whoever wants it.
 *
 * KPPROF_CMD_WAITS    dump. One message for each watched thread that does not run now, or has waited
 * and not come back to user space since: KPPROF_A_PID its process, KPPROF_A_TID, KPPROF_A_ARMS u32
 * the watches; KPPROF_A_BEGIN u64 CLOCK_MONOTONIC nanoseconds since when it waits, absent when it
 * does not; KPPROF_A_WOKEN u64 since when it could run and does not, absent otherwise;
 * KPPROF_A_NS and KPPROF_A_COUNT u64 of waits that are over and have not been told yet, see struct
 * kpprof_sched_record. A wait that began before the watch has the watch's beginning as its own.
 *
 * Group KPPROF_GENL_GROUP: KPPROF_CMD_LISTEN as above; KPPROF_CMD_EXIT with KPPROF_A_PID when a
 * process that ARM named has exited; KPPROF_CMD_GOVERNOR with KPPROF_A_SLOWED when the governor has
 * changed the rates of waits.
 *
 * Samples
 * =======
 *
 * do not go through netlink. They are trace events, which perf_event_open(2) (PERF_TYPE_TRACEPOINT)
 * puts into its rings; `perf record -e 'kpprof:*'` reads the same. The kernel's half of the stack is
 * the event's own callchain (PERF_SAMPLE_CALLCHAIN with exclude_callchain_user), taken from the
 * interrupted registers. The raw data of the events are struct kpprof_cpu_record, struct
 * kpprof_stack_record, struct kpprof_sched_record and struct kpprof_heap_record.
 *
 * kpprof:kpprof_cpu        a sample whose user half the module has walked.
 * kpprof:kpprof_stack  a sample that it could not walk for want of mappings or rows, with the user
 *                   registers and the user stack, at most KPPROF_STACK_MAX bytes of it, in as many
 *                   records as that takes, one after the other on the same CPU: the agent walks it.
 * kpprof:kpprof_sched  waits of a thread that are over, a release of what others waited for, or a new
 *                   thread, with the stack of the thread that it happened in: walked when it is on
 *                   its way back to user space. Where the module cannot walk it, KPPROF_SCHED_STACK
 *                   is set, and kpprof_stack records of KPPROF_CONTEXT_SCHED follow on that CPU.
 * kpprof:kpprof_heap   what happens to a sampled block of memory: a call that asks for it, with its
 *                   stack (as above: KPPROF_HEAP_STACK, KPPROF_CONTEXT_HEAP), its address once that
 *                   call returns, its end.
 *
 * Without the module
 * ==================
 *
 * the agent answers STATUS, LISTEN, ARM, DISARM and TARGETS itself: a socket of NETLINK_USERSOCK with
 * port KPPROF_USERSOCK_PORT, messages of type KPPROF_USERSOCK_TYPE with a struct genlmsghdr, from
 * senders whose credentials (SCM_CREDENTIALS) say user 0. It does so with the module too; its STATUS
 * then has the module's attributes and these:
 *
 *     KPPROF_A_AGENT_PID      u32
 *     KPPROF_A_AGENT_RELEASE  string
 *     KPPROF_A_ENGINE         u32     enum kpprof_engine: what a capture that begins now will use
 *     KPPROF_A_REASON         string  why it is not the module
 *     KPPROF_A_LISTENING      string  address that is listened on; absent when no port is open
 *     KPPROF_A_BOUND          string  what it stands for now: each socket's address
 *     KPPROF_A_LISTEN_LEFT    u32     seconds until the port is closed; absent: it stays open
 *     KPPROF_A_CAPTURES       u32     captures that run
 *
 * ARM of the agent: what is to be counted for whom, until it is disarmed or its lease ends.
 *
 *     KPPROF_A_KINDS          u32     bits 1 << enum kpprof_kind; absent: CPU. All are armed, or none
 *     KPPROF_A_PID            u32     a process and the children that it makes, or
 *     KPPROF_A_COMM           string  all processes of that name, or
 *     KPPROF_A_BOX            flag    all processes
 *     KPPROF_A_HZ             u32     rate of CPU samples alone
 *     KPPROF_A_RATE           u64     rate of other kinds, in the kind's unit: nanoseconds of a wait,
 *                                     bytes of an allocation; absent: the kind's own
 *     KPPROF_A_KERNEL         flag    kernel halves of stacks
 *     KPPROF_A_LEASE          u32     seconds, 0 for none; absent: 600 for CPU, none for other kinds
 *
 * CPU samples are for whoever reads the trace events: no profile is kept. The other kinds keep one,
 * which requests are answered with. What is armed already gets the new lease.
 *
 * DISARM: KPPROF_A_KINDS, absent for all; KPPROF_A_PID, KPPROF_A_COMM or KPPROF_A_BOX, or none of
 * them for all targets. When it is acknowledged no hook of these is there.
 *
 * TARGETS: one message for each thing that is armed and for each CPU profile that is being taken:
 * target as in ARM, KPPROF_A_KINDS with one bit, KPPROF_A_HZ or KPPROF_A_RATE, KPPROF_A_KERNEL,
 * KPPROF_A_ENGINE, and
 *
 *     KPPROF_A_BY             u32     enum kpprof_armed_by
 *     KPPROF_A_LEASE          u32     seconds left; absent: no lease
 *     KPPROF_A_EVENTS         u64     events that were counted
 *     KPPROF_A_LOST           u64     records that the kernel had no room for
 *     KPPROF_A_DROPPED        u64     events that were left out for what they would have cost
 *     KPPROF_A_BUSY_NS        u64     CPU time, when it is known
 *     KPPROF_A_EXITED         flag    the process is gone: nothing is hooked, what was counted is kept
 *
 * Unwind rows
 * ===========
 *
 * An *image* is an ELF file whose code is mapped into a process. Its call frame information
 * (.eh_frame or .debug_frame) is turned in user space into *unwind rows*: a table, sorted by pc,
 * that says for each range of code how to find the caller's frame. Many rows share few *rules*.
 *
 *   pcs[i]    the first byte that row i covers, as an offset in the *file*; row i ends where row i+1
 *             begins. File offsets need no program headers: for a mapping that starts at `start` and
 *             shows the file from `offset`, address a is file offset a - start + offset.
 *   index[i]  the rule of row i, an index into rules[].
 *   rules[0]  always KPPROF_RULE_NONE: code that no unwind information describes. A NONE row begins
 *             at each gap, and again at each function start that is known inside the gap, so that a
 *             walker which must guess knows at least which function it stands in.
 *
 * Limits: KPPROF_ROWS_MAX rows and KPPROF_RULES_MAX rules an image; code beyond the first 4 GiB of
 * a file has no rows.
 *
 * Registers are named by their number in the DWARF mapping of the architecture.
 */
/* clang-format on */
#ifndef _UAPI_KPPROF_H
#define _UAPI_KPPROF_H

#include <linux/types.h>

#define KPPROF_GENL_NAME    "kpprof"
#define KPPROF_GENL_VERSION 1
#define KPPROF_GENL_GROUP   "events"

/* The release of the whole: module, agent and tool. */
#define KPPROF_RELEASE		  "0.1"

#define KPPROF_USERSOCK_PORT	  0x6b707066
#define KPPROF_USERSOCK_TYPE	  0x6b70

#define KPPROF_ADDR_MAX		  255
#define KPPROF_ARMS_MAX		  8
#define KPPROF_HZ_MAX		  1000
#define KPPROF_MAPS_MAX		  65536u
#define KPPROF_STACK_MAX	  65528u

#define KPPROF_HEAP_RATE_MAX	  (1ull << 30)
#define KPPROF_HEAP_LIVE_MAX	  65536u
#define KPPROF_PROBES_MAX	  64
#define KPPROF_PROBE_AHEAD	  64

#define KPPROF_THREAD_PIDS_MAX	  16384u
#define KPPROF_THREAD_STACK_MAX	  24576u
#define KPPROF_THREAD_MESSAGE_MAX 28672u

enum kpprof_cmd {
	KPPROF_CMD_UNSPEC,
	KPPROF_CMD_STATUS,
	KPPROF_CMD_LISTEN,
	KPPROF_CMD_ARM,
	KPPROF_CMD_DISARM,
	KPPROF_CMD_MAPS,
	KPPROF_CMD_IMAGE,
	KPPROF_CMD_TARGETS,
	KPPROF_CMD_EXIT,
	KPPROF_CMD_THREADS,
	KPPROF_CMD_WAITS,
	KPPROF_CMD_GOVERNOR,
	KPPROF_CMD_HEAP,
	KPPROF_CMD_BLOCKS,
	__KPPROF_CMD_MAX
};
#define KPPROF_CMD_MAX (__KPPROF_CMD_MAX - 1)

enum kpprof_attr {
	KPPROF_A_UNSPEC,
	KPPROF_A_PAD,
	KPPROF_A_ABI,
	KPPROF_A_RELEASE,
	KPPROF_A_LISTEN,
	KPPROF_A_CLIENT_PID,
	KPPROF_A_CLIENT_COMM,
	KPPROF_A_EVENT_CPU,
	KPPROF_A_EVENT_STACK,
	KPPROF_A_HOOK_COUNTERS,
	KPPROF_A_HOOK_PROBES,
	KPPROF_A_NTARGETS,
	KPPROF_A_NARMS,
	KPPROF_A_NIMAGES,
	KPPROF_A_IMAGE_BYTES,
	KPPROF_A_IMAGE_MAX,
	KPPROF_A_SAMPLES,
	KPPROF_A_LOST,
	KPPROF_A_UNTRACKED,
	KPPROF_A_BUSY_NS,
	KPPROF_A_ENDS,
	KPPROF_A_ARM,
	KPPROF_A_HZ,
	KPPROF_A_BOX,
	KPPROF_A_PID,
	KPPROF_A_CLOCK,
	KPPROF_A_NCPUS,
	KPPROF_A_IMAGE,
	KPPROF_A_NROWS,
	KPPROF_A_NRULES,
	KPPROF_A_AT,
	KPPROF_A_PCS,
	KPPROF_A_INDEX,
	KPPROF_A_RULES,
	KPPROF_A_DONE,
	KPPROF_A_DROP,
	KPPROF_A_COOKIE,
	KPPROF_A_MAP,
	KPPROF_A_MORE,
	KPPROF_A_ARMS,
	KPPROF_A_INHERITED,
	KPPROF_A_NMAPS,
	KPPROF_A_COMM,
	KPPROF_A_AGENT_PID,
	KPPROF_A_AGENT_RELEASE,
	KPPROF_A_ENGINE,
	KPPROF_A_REASON,
	KPPROF_A_LISTENING,
	KPPROF_A_CAPTURES,
	KPPROF_A_LEASE,
	KPPROF_A_KINDS,
	KPPROF_A_RATE,
	KPPROF_A_KERNEL,
	KPPROF_A_BY,
	KPPROF_A_EVENTS,
	KPPROF_A_DROPPED,
	KPPROF_A_EXITED,
	KPPROF_A_BOUND,
	KPPROF_A_LISTEN_LEFT,
	KPPROF_A_BRIEF,
	KPPROF_A_TID,
	KPPROF_A_STATE,
	KPPROF_A_STATE_NS,
	KPPROF_A_THREAD_FLAGS,
	KPPROF_A_GENERATION,
	KPPROF_A_IP,
	KPPROF_A_REGS,
	KPPROF_A_SYSCALL,
	KPPROF_A_ARGS,
	KPPROF_A_STACK,
	KPPROF_A_EVENT_SCHED,
	KPPROF_A_NTHREADS,
	KPPROF_A_SCHED_EVENTS,
	KPPROF_A_SCHED_DROPPED,
	KPPROF_A_SCHED_BUSY_NS,
	KPPROF_A_BUDGET,
	KPPROF_A_SLOWED,
	KPPROF_A_WATCH,
	KPPROF_A_BEGIN,
	KPPROF_A_WOKEN,
	KPPROF_A_NS,
	KPPROF_A_COUNT,
	KPPROF_A_EVENT_HEAP,
	KPPROF_A_HOOK_UPROBES,
	KPPROF_A_HOOK_RETURNS,
	KPPROF_A_HEAP_EVENTS,
	KPPROF_A_HEAP_BUSY_NS,
	KPPROF_A_HEAP,
	KPPROF_A_PROBE,
	KPPROF_A_NPROBES,
	KPPROF_A_ALLOCS,
	KPPROF_A_ALLOC_BYTES,
	KPPROF_A_FREES,
	KPPROF_A_LIVE,
	KPPROF_A_OVERFLOW,
	KPPROF_A_UNPLACED,
	KPPROF_A_MISSED,
	KPPROF_A_SEQS,
	__KPPROF_A_MAX
};
#define KPPROF_A_MAX (__KPPROF_A_MAX - 1)

enum kpprof_map_attr {
	KPPROF_MAP_A_UNSPEC,
	KPPROF_MAP_A_PAD,
	KPPROF_MAP_A_START,
	KPPROF_MAP_A_END,
	KPPROF_MAP_A_OFFSET,
	KPPROF_MAP_A_IMAGE,
	KPPROF_MAP_A_PENDING,
	__KPPROF_MAP_A_MAX
};
#define KPPROF_MAP_A_MAX (__KPPROF_MAP_A_MAX - 1)

enum kpprof_probe_attr {
	KPPROF_PROBE_A_UNSPEC,
	KPPROF_PROBE_A_PAD,
	KPPROF_PROBE_A_START,
	KPPROF_PROBE_A_AT,
	KPPROF_PROBE_A_KIND,
	KPPROF_PROBE_A_FUNC,
	KPPROF_PROBE_A_PUSHED,
	KPPROF_PROBE_A_LEAVES,
	__KPPROF_PROBE_A_MAX
};
#define KPPROF_PROBE_A_MAX (__KPPROF_PROBE_A_MAX - 1)

/**
 * enum kpprof_alloc - what a function of an allocator takes, in the registers of the x86-64 calling
 * convention
 * @KPPROF_ALLOC_SIZE: di bytes: malloc, operator new, valloc
 * @KPPROF_ALLOC_ARRAY: di times si bytes: calloc
 * @KPPROF_ALLOC_ALIGNED: si bytes, aligned to di: memalign, aligned_alloc
 * @KPPROF_ALLOC_STORED: dx bytes, the address goes to *di: posix_memalign
 * @KPPROF_ALLOC_RESIZE: the block at di to si bytes: realloc
 * @KPPROF_ALLOC_RESIZE_ARRAY: the block at di to si times dx bytes: reallocarray
 * @KPPROF_ALLOC_FREE: the block at di is freed: free, operator delete
 */
enum kpprof_alloc {
	KPPROF_ALLOC_SIZE,
	KPPROF_ALLOC_ARRAY,
	KPPROF_ALLOC_ALIGNED,
	KPPROF_ALLOC_STORED,
	KPPROF_ALLOC_RESIZE,
	KPPROF_ALLOC_RESIZE_ARRAY,
	KPPROF_ALLOC_FREE,
	__KPPROF_ALLOC_KINDS
};

/**
 * enum kpprof_clock - what the counters of an arm count
 * @KPPROF_CLOCK_CPU: the kernel's cpu-clock; a sample's period is in nanoseconds
 * @KPPROF_CLOCK_CYCLES: CPU cycles that were not halted
 */
enum kpprof_clock {
	KPPROF_CLOCK_CPU = 0,
	KPPROF_CLOCK_CYCLES = 1,
};

/**
 * enum kpprof_engine - what samples
 * @KPPROF_ENGINE_PERF: perf_event_open(2) alone
 * @KPPROF_ENGINE_MODULE: this module
 */
enum kpprof_engine {
	KPPROF_ENGINE_PERF = 0,
	KPPROF_ENGINE_MODULE = 1,
};

/**
 * enum kpprof_kind - what is counted; KPPROF_A_KINDS has the bits 1 << kind
 * @KPPROF_KIND_CPU: CPU samples
 * @KPPROF_KIND_BLOCK: waits
 * @KPPROF_KIND_MUTEX: waits, by who let the waiter go
 * @KPPROF_KIND_THREADCREATE: new threads
 * @KPPROF_KIND_HEAP: allocations
 * @KPPROF_KIND_GROWTH: memory that is touched for the first time
 */
enum kpprof_kind {
	KPPROF_KIND_CPU = 0,
	KPPROF_KIND_BLOCK = 1,
	KPPROF_KIND_MUTEX = 2,
	KPPROF_KIND_THREADCREATE = 3,
	KPPROF_KIND_HEAP = 4,
	KPPROF_KIND_GROWTH = 5,
	__KPPROF_KINDS
};

/**
 * enum kpprof_armed_by - who armed something
 * @KPPROF_ARMED_BY_REQUEST: a request for a profile
 * @KPPROF_ARMED_BY_CONTROL: ARM
 * @KPPROF_ARMED_BY_ENVIRONMENT: the agent was started so (PPROF_ARM)
 */
enum kpprof_armed_by {
	KPPROF_ARMED_BY_REQUEST = 0,
	KPPROF_ARMED_BY_CONTROL = 1,
	KPPROF_ARMED_BY_ENVIRONMENT = 2,
};

/**
 * enum kpprof_context - what the CPU was doing when it was interrupted
 * @KPPROF_CONTEXT_TASK: running the thread, in user space or in a system call
 * @KPPROF_CONTEXT_SOFTIRQ: a soft interrupt that had come upon the thread
 * @KPPROF_CONTEXT_HARDIRQ: a hard interrupt that had
 */
enum kpprof_context {
	KPPROF_CONTEXT_TASK = 0,
	KPPROF_CONTEXT_SOFTIRQ = 1,
	KPPROF_CONTEXT_HARDIRQ = 2,
	__KPPROF_CONTEXTS,
	/* of no CPU sample: the stack belongs to the kpprof:kpprof_sched record before */
	KPPROF_CONTEXT_SCHED = __KPPROF_CONTEXTS,
	/* nor of one: it belongs to the sample of kpprof:kpprof_heap before, whose number is
	   @period */
	KPPROF_CONTEXT_HEAP,
};

/**
 * enum kpprof_thread_flags - what THREADS says of a thread
 * @KPPROF_THREAD_RUNNING: it was on a CPU
 * @KPPROF_THREAD_KERNEL: of the kernel: it has no user memory
 * @KPPROF_THREAD_COMPAT: it is in 32-bit code
 * @KPPROF_THREAD_REGS: the user registers are there
 * @KPPROF_THREAD_SYSCALL: it is in a system call
 * @KPPROF_THREAD_MOVED: it started and stopped so fast that it could not be met
 * @KPPROF_THREAD_SYSCALL32: the number and the arguments are those of 32-bit code
 */
enum kpprof_thread_flags {
	KPPROF_THREAD_RUNNING = 1,
	KPPROF_THREAD_KERNEL = 2,
	KPPROF_THREAD_COMPAT = 4,
	KPPROF_THREAD_REGS = 8,
	KPPROF_THREAD_SYSCALL = 16,
	KPPROF_THREAD_MOVED = 32,
	KPPROF_THREAD_SYSCALL32 = 64,
};

/**
 * struct kpprof_cpu_record - raw data of kpprof:kpprof_cpu
 * @common: the kernel's own fields of every trace event
 * @arm: which arm
 * @context: enum kpprof_context
 * @end: enum kpprof_end, how the walk ended
 * @guesses: frames that were found by search, at most 255
 * @cookie: of the mappings that were used, 0 for none
 * @period: what the sample stands for, in the unit of the arm's clock
 * @ips_where: offset of the frames in the record, and their size in bytes << 16
 *
 * The frames are u64 each, leaf first, each inside its instruction; none for a kernel thread.
 */
struct kpprof_cpu_record {
	__u64 common;
	__u8 arm;
	__u8 context;
	__u8 end;
	__u8 guesses;
	__u32 cookie;
	__u64 period;
	__u32 ips_where;
} __attribute__((packed, aligned(4)));

/**
 * struct kpprof_stack_record - raw data of kpprof:kpprof_stack
 * @common: the kernel's own fields of every trace event
 * @arm: which arm
 * @context: enum kpprof_context
 * @end: enum kpprof_end, why the module did not walk it
 * @more: the next record has the bytes that follow
 * @cookie: of the mappings that were looked at, 0 for none
 * @at: where the record's bytes are, from the stack pointer up
 * @whole: the stack could not be read further: its end is here
 * @period: as in struct kpprof_cpu_record
 * @ip: user instruction pointer
 * @regs: user registers by DWARF number
 * @stack_where: offset of the stack's bytes in the record, and their size << 16
 */
struct kpprof_stack_record {
	__u64 common;
	__u8 arm;
	__u8 context;
	__u8 end;
	__u8 more;
	__u32 cookie;
	__u32 at;
	__u32 whole;
	__u64 period;
	__u64 ip;
	__u64 regs[16];
	__u32 stack_where;
} __attribute__((packed, aligned(4)));

/**
 * enum kpprof_watch - what a watch tells of: bits
 * @KPPROF_WATCH_BLOCK: how long threads wait, and for what
 * @KPPROF_WATCH_MUTEX: which thread lets those go that wait in futex(2)
 * @KPPROF_WATCH_CREATE: new threads and processes
 */
enum kpprof_watch {
	KPPROF_WATCH_BLOCK = 1,
	KPPROF_WATCH_MUTEX = 2,
	KPPROF_WATCH_CREATE = 4,
};
#define KPPROF_WATCH_ALL 7
#define KPPROF_RATE_MAX	 (1ull << 40)

/* A rate that the governor has doubled n times (KPPROF_A_SLOWED) is max(rate, _LEAST) << n, but not
 * over _MOST unless it was: a thread tells one wait a second at least, or what one of them stands
 * for would be longer than anybody looks. Nanoseconds. */
#define KPPROF_SLOWED_LEAST 2048ull
#define KPPROF_SLOWED_MOST  (1ull << 30)

/* struct kpprof_sched_record: flags */
#define KPPROF_SCHED_STACK     1  /* the stack follows in kpprof_stack records */
#define KPPROF_SCHED_PREEMPTED 2  /* the thread could run all the time: it waited for a CPU */
#define KPPROF_SCHED_IOWAIT    4  /* the kernel counted it as waiting for a disk */
#define KPPROF_SCHED_DEEP      8  /* it slept uninterruptibly */
#define KPPROF_SCHED_ON_STACK  16 /* MUTEX: the word is in the frame of the function that waits */
#define KPPROF_SCHED_STOPPED   32 /* a signal or a debugger had stopped it */

/* Waits are counted in units of 1 / KPPROF_COUNT_ONE. */
#define KPPROF_COUNT_ONE 65536

/**
 * struct kpprof_sched_record - raw data of kpprof:kpprof_sched
 * @common: the kernel's own fields of every trace event
 * @what: one bit of enum kpprof_watch
 * @arms: bit i: watch i asked for it
 * @end: enum kpprof_end, how the walk ended
 * @guesses: as in struct kpprof_cpu_record
 * @cookie: of the mappings that were used, 0 for none
 * @flags: KPPROF_SCHED_*
 * @nr: number of the system call that the thread is in, -1 for none: it was interrupted, or had a
 *	page fault
 * @pid: CREATE: the process of the new thread
 * @tid: CREATE: the new thread; MUTEX: one that was let go
 * @wait_op: MUTEX: futex operation with which that one waited
 * @wait_val: MUTEX: the value that it gave
 * @wait_addr: MUTEX: the word that it waited on; when it was requeued, not the one of @args
 * @mode: st_mode of the file that the system call's first argument names, if it is a descriptor:
 *	whether it is one the module does not know; 0 for none
 * @begin: CLOCK_MONOTONIC nanoseconds when the first of the waits began; MUTEX: of the release
 *	before, or when the first one began to wait
 * @ns: time that this stands for, scaled. MUTEX: of all that were queued, each from the later of
 *its arrival and the release before
 * @count: waits that this stands for, scaled, in units of 1 / KPPROF_COUNT_ONE; MUTEX: threads that
 *	were let go
 * @raw: time that was measured
 * @queued: of @ns, what the thread spent waiting for a CPU once it could run; MUTEX: what those
 *that were let go have waited themselves, scaled like @ns: the whole charge where nobody holds
 *anything
 * @args: of the system call
 * @reserved: 0
 * @ips_where: as in struct kpprof_cpu_record
 *
 * It comes when the thread returns to user space: waits of one system call may have been added up.
 */
struct kpprof_sched_record {
	__u64 common;
	__u8 what;
	__u8 arms;
	__u8 end;
	__u8 guesses;
	__u32 cookie;
	__u32 flags;
	__s32 nr;
	__s32 pid;
	__s32 tid;
	__u32 wait_op;
	__u32 mode;
	__u32 wait_val;
	__u32 reserved;
	__u64 wait_addr;
	__u64 begin;
	__u64 ns;
	__u64 count;
	__u64 raw;
	__u64 queued;
	__u64 args[6];
	__u32 ips_where;
} __attribute__((packed, aligned(4)));

/**
 * enum kpprof_heap_what - what a record of kpprof:kpprof_heap says
 * @KPPROF_HEAP_SAMPLED: a call asks for memory, and was chosen; with its stack
 * @KPPROF_HEAP_PLACED: that call returns: the block is at @ptr
 * @KPPROF_HEAP_FREED: the block is not there any more
 */
enum kpprof_heap_what {
	KPPROF_HEAP_SAMPLED = 1,
	KPPROF_HEAP_PLACED = 2,
	KPPROF_HEAP_FREED = 3,
};

/* struct kpprof_heap_record: flags */
#define KPPROF_HEAP_STACK    1 /* the stack follows in kpprof_stack records */
#define KPPROF_HEAP_OVERFLOW 2 /* PLACED: it is not followed */

/**
 * struct kpprof_heap_record - raw data of kpprof:kpprof_heap
 * @common: the kernel's own fields of every trace event
 * @what: enum kpprof_heap_what
 * @arm: which heap arm
 * @end: SAMPLED: enum kpprof_end, how the walk ended
 * @guesses: as in struct kpprof_cpu_record
 * @cookie: of the mappings that were used, 0 for none
 * @flags: KPPROF_HEAP_*
 * @pid: the process that was armed
 * @func: SAMPLED: number of the function that was called
 * @reserved: 0
 * @seq: number of the sample in its arm, not 0
 * @ptr: address of the block; 0 for SAMPLED
 * @size: SAMPLED: bytes that were asked for
 * @ips_where: as in struct kpprof_cpu_record; the first frame is the allocator's own
 *
 * Samples are those calls into which a point falls, where points lie @rate bytes apart in the mean
 * and independent of each other: one of n bytes is sampled with the probability 1 - exp(-n / rate).
 */
struct kpprof_heap_record {
	__u64 common;
	__u8 what;
	__u8 arm;
	__u8 end;
	__u8 guesses;
	__u32 cookie;
	__u32 flags;
	__s32 pid;
	__u32 func;
	__u32 reserved;
	__u64 seq;
	__u64 ptr;
	__u64 size;
	__u32 ips_where;
} __attribute__((packed, aligned(4)));

#define KPPROF_ROWS_MAX	 (16u << 20)
#define KPPROF_RULES_MAX 65535u

/* Limits of the file offset part of the row format: see pcs[] above. */
#define KPPROF_PC_MAX 0xffffffffull

/**
 * enum kpprof_rule_kind - how the canonical frame address (CFA) of a row is found
 * @KPPROF_RULE_NONE: no unwind information; the walker may follow frame pointers or guess
 * @KPPROF_RULE_STOP: the outermost frame (its return address is undefined): the walk is complete
 * @KPPROF_RULE_CFA: CFA = reg + off
 * @KPPROF_RULE_DEREF: CFA = *(reg + off) + off2; realigned stacks and hand-written assembly
 * @KPPROF_RULE_PLT: CFA = sp + off, and 8 more from byte off2 of each 16-byte PLT entry on
 * @KPPROF_RULE_SIGNAL: a signal trampoline: all registers are restored from the frame at sp
 * @KPPROF_RULE_SWITCH: the code switches stacks; what called it is on another one
 * @KPPROF_RULE_UNSUPPORTED: there is unwind information, of a form that rows cannot express
 * @KPPROF_RULE_CLONE: behind the system call that makes a thread on a new stack: STOP in the child,
 *	whose rax is 0; else CFA = reg + off
 * @KPPROF_RULE_FP: no unwind information, in a piece of code that keeps frame pointers
 */
enum kpprof_rule_kind {
	KPPROF_RULE_NONE = 0,
	KPPROF_RULE_STOP = 1,
	KPPROF_RULE_CFA = 2,
	KPPROF_RULE_DEREF = 3,
	KPPROF_RULE_PLT = 4,
	KPPROF_RULE_SIGNAL = 5,
	KPPROF_RULE_SWITCH = 6,
	KPPROF_RULE_UNSUPPORTED = 7,
	KPPROF_RULE_CLONE = 8,
	KPPROF_RULE_FP = 9,
	__KPPROF_RULE_KINDS
};

/**
 * enum kpprof_fp_kind - where the caller's frame pointer is
 * @KPPROF_FP_SAME: still in the register
 * @KPPROF_FP_CFA: saved at CFA + fp_off
 * @KPPROF_FP_FP: saved at fp + fp_off (realigned stacks)
 * @KPPROF_FP_LOST: not recoverable
 */
enum kpprof_fp_kind {
	KPPROF_FP_SAME = 0,
	KPPROF_FP_CFA = 1,
	KPPROF_FP_FP = 2,
	KPPROF_FP_LOST = 3,
	__KPPROF_FP_KINDS
};

#define KPPROF_BX_LOST 255

/**
 * struct kpprof_rule - how to step out of one frame
 * @kind: enum kpprof_rule_kind
 * @reg: the register that the CFA is computed from: sp, fp and rbx are known in every frame, the
 *others only in the frame that was interrupted
 * @fp: enum kpprof_fp_kind
 * @bx: where the caller's rbx was saved: CFA - 8 * bx; 0: still in the register; KPPROF_BX_LOST:
 *not recoverable. The dynamic linker finds its CFA by rbx, deep below what it calls.
 * @off: bytes
 * @off2: bytes; zero unless the kind names it
 * @fp_off: bytes; zero unless @fp uses it
 *
 * The return address is at CFA - 8 (x86-64). Fields that a kind does not use are zero, so that
 *equal rules are equal bytes.
 */
struct kpprof_rule {
	__u8 kind;
	__u8 reg;
	__u8 fp;
	__u8 bx;
	__s32 off;
	__s32 off2;
	__s32 fp_off;
};

#endif /* _UAPI_KPPROF_H */
