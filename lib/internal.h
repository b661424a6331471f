/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of libdune know of each other. */
#ifndef DUNE_INTERNAL_H
#define DUNE_INTERNAL_H

/* Offsets for the assembly, checked in enter.c. */
#define THREAD_RUN		0
#define THREAD_HOST_STACK	8
#define THREAD_SIGNALLED	16
#define THREAD_SYSCALL_ENTRY	24
#define THREAD_USER_RSP		40
#define THREAD_RING0_RSP	48
#define REGS_RAX		0
#define REGS_RCX		8
#define REGS_RDX		16
#define REGS_RSP		32
#define REGS_RSI		48
#define REGS_RDI		56
#define REGS_R8			64
#define REGS_R9			72
#define REGS_R10		80
#define REGS_RIP		128
#define REGS_RFLAGS		136

/* Those of the CPU, and the one by which signals come. */
#define DUNE_SYSCALL		256	/* DUNE_VECTOR_SYSCALL */
#define FRAME_SIZE		176
#define FRAME_RSP		160

#define DUNE_VECTORS		33
#define DUNE_VECTOR_SIGNAL	32
#define DUNE_TRAP_STUB_SIZE	16

/* As many as the kernel has up to the one that tells the CPU's number. */
#define DUNE_GDT_ENTRIES	16

/* Selectors: those of ring 3 are what programs have outside. */
#define RING0_CODE	0x08
#define RING0_DATA	0x10
#define RING0_TSS	0x18
#define RING3_DATA	0x2b
#define RING3_CODE	0x33

/* Calls of the guest that its own host's side answers, not the kernel. */
#define DUNE_CALL_SIGNAL	0x10000
#define DUNE_CALL_EXCEPTION	0x10001
#define DUNE_CALL_VCPU		0x10002
#define DUNE_CALL_ABSENT	0x10003
#define DUNE_CALL_LEAVE		0x10004
#define DUNE_CALL_FORWARD	0x10005
#define DUNE_CALL_KEEP		0x10006

/* A system call that has to be made again, after a signal. */
#define DUNE_RESTART		(-512)

/* One that has no result: rax is what it is to be. The kernel never says so. */
#define DUNE_KEEP		(-513)

#ifndef __ASSEMBLER__

#include <dune/dune.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What follows is nobody else's. */
#pragma GCC visibility push(hidden)

#define PAGE_SIZE	4096UL
#define MASK_SIZE	8		/* of the kernel's masks of signals */
#define SIGNAL_BIT(signal)	(1ULL << ((signal) - 1))
/* Where a process's addresses end, and the kernel looks no further. */
#define DUNE_ADDRESS_LIMIT	((1UL << 47) - PAGE_SIZE)

#define EFLAGS_TF	(1UL << 8)
#define EFLAGS_IF	(1UL << 9)
#define EFLAGS_DF	(1UL << 10)
#define EFLAGS_RF	(1UL << 16)

/* What a program sets itself: AC, ID, RF, TF, DF and the arithmetic ones. */
#define EFLAGS_USER	0x250dd5UL

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/**
 * struct dune_action - what rt_sigaction() takes
 */
struct dune_action {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

/**
 * struct dune_sighand - the handlers of a process, as the program sees them
 * @next: when nobody has them
 * @users: threads that have them
 * @installed: signals that have a handler now
 * @of_user: those whose handler is ring 3's
 * @actions: the handler by signal, or what it was last: a signal may be on its
 *	way to it
 */
struct dune_sighand {
	struct dune_sighand *next;
	int users;
	uint64_t installed, of_user;
	struct dune_action actions[65];
};

struct dune_tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

/**
 * struct dune_rseq - the area of rseq(), with what the kernel has added
 */
struct dune_rseq {
	uint32_t cpu_start, cpu;
	uint64_t sequence;
	uint32_t flags, node, mm_cid, padding;
} __attribute__((aligned(32)));

/**
 * struct dune_ring3 - a call of dune_run_user(), or nothing but zero
 * @rsp: end of the stack for what ring 3 calls, where the thread was
 * @fs: base of ring 3, while it is not there
 * @user: what it was called with
 * @state: floating-point and vector registers of ring 3, if a handler of its
 *	system calls may have changed them
 * @returns: it ends when the function of ring 3 returns
 */
struct dune_ring3 {
	uint64_t rsp, fs;
	struct dune_user *user;
	char *state;
	bool returns;
};

/**
 * struct dune_thread - a thread that is in Dune, or about to be
 * @run: the page shared with the kernel
 * @host_stack: end of the stack on which the host's side of it runs
 * @signalled: a signal waits, and the guest can take it
 * @pending: a signal waits; until the guest has taken it the kernel holds
 *	back all others, and the program's mask is in @signal
 * @borrowed: the thread that made it waits for its end and frees it (vfork)
 * @vcpu: descriptor of its virtual CPU
 * @has_tables: it holds the lock of all roots, on the guest's side
 * @syscall_entry: the page with what SYSCALL calls, see thread.c
 * @syscall_target: where that goes on: in ring 3 at @user_path
 * @user_rsp: of ring 3, while that is left by SYSCALL
 * @ring3: where it is, or was, in ring 3
 * @user_entry: dune_user_entry, for what SYSCALL calls
 * @own_entry: what SYSCALL calls, which is on that page
 * @ring0_fs: base of ring 0, while it is not there
 * @user_call: it makes a system call for ring 3, that a signal may end
 * @deferred: the signal that waits is for ring 3, as soon as it is there
 * @held: the signal that waits is blocked, and the kernel has no room for it
 * @stack: what sigaltstack() was called with; the kernel has none meanwhile
 * @user_stack: the same in ring 3
 * @root: its page root
 * @generation: of all roots, at its last fault
 * @handler_stack: end of the stack for handlers of exceptions
 * @handler_size: of that, in bytes
 * @mask: signals blocked when it begins
 * @sighand: its handlers
 * @signal: the signal that waits
 * @dispatch: which of its system calls are signals instead
 * @rseq: what the kernel knows
 * @program_rseq: what the program has, or NULL
 * @rseq_signature: of both
 * @tss: of its virtual CPU
 * @gdt: of its virtual CPU
 *
 * At the beginning of a block of memory that has its stacks as well, so that
 * each stack tells whose it is.
 */
struct dune_thread {
	struct dune_run *run;
	void *host_stack;
	bool signalled;
	bool pending;
	bool borrowed;
	bool has_tables;
	int vcpu;
	const uint8_t *syscall_entry;
	const uint8_t *syscall_target;
	uint64_t user_rsp;
	struct dune_ring3 ring3;
	const void *user_entry;
	const uint8_t *own_entry;
	uint64_t ring0_fs;
	bool user_call;
	bool deferred;
	bool held;
	stack_t stack, user_stack;
	struct dune_root *root;
	uint64_t generation;
	char *handler_stack;
	uint64_t handler_size;
	uint64_t mask;
	struct dune_sighand *sighand;
	struct {
		siginfo_t info;
		struct dune_action action;
		uint64_t mask, mask_of_wait;
		bool of_user;
	} signal;
	struct {
		bool on;
		uint64_t offset, length;
		const uint8_t *selector;
	} dispatch;
	struct dune_rseq rseq;
	struct dune_rseq *program_rseq;
	uint32_t rseq_signature;
	struct dune_tss tss;
	uint64_t gdt[DUNE_GDT_ENTRIES] __attribute__((aligned(8)));
};

#define DUNE_THREAD_SIZE	(128UL << 10)
#define DUNE_TRAP_STACK		(12UL << 10)	/* ends here in the block */
#define DUNE_SIGNAL_STACK	(16UL << 10)
#define DUNE_HANDLER_STACK	(64UL << 10)
#define DUNE_RUN_PAGE		DUNE_HANDLER_STACK	/* begins there */

/* What SYSCALL calls, by thread, and where it goes on in ring 0. */
#define DUNE_ENTRY_SIZE		32
#define DUNE_USER_PATH		8
#define DUNE_DIRECT		2048

/*
 * The compiler's own calls of these two as well: the C library's use registers
 * that are the program's at the time.
 */
void *memcpy(void *to, const void *from, size_t size)
	__asm__("dune_memcpy");
void *memset(void *to, int byte, size_t size)
	__asm__("dune_memset");

#define CALL0(nr)		dune_syscall(nr, 0, 0, 0, 0, 0, 0)
#define CALL1(nr, a)		dune_syscall(nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(nr, a, b)							\
	dune_syscall(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(nr, a, b, c)						\
	dune_syscall(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(nr, a, b, c, d)						\
	dune_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/*
 * Makes the system call that a frame has. Not by dune_syscall(): what is called
 * from there may be for libdune's other side.
 */
static inline long dune_call_kernel(const struct dune_frame *frame)
{
	register uint64_t r10 asm("r10") = frame->r10;
	register uint64_t r8 asm("r8") = frame->r8;
	register uint64_t r9 asm("r9") = frame->r9;
	long ret;

	asm volatile("syscall" : "=a" (ret)
		     : "a" (frame->rax), "D" (frame->rdi), "S" (frame->rsi),
		       "d" (frame->rdx), "r" (r10), "r" (r8), "r" (r9)
		     : "rcx", "r11", "memory");
	return ret;
}

/* Below the stack pointer; what a function has there is its own. */
#define RED_ZONE	128

/* Room on the stack for dune_save_state(), at 64 bytes, which are 512 bits. */
#define DUNE_STATE_AREA()						\
	((char *)__builtin_alloca_with_align(dune_fpu.size, 512))

/* In the address of a handler, which has none of the upper half. */
#define DUNE_INTEGER	(1ULL << 63)

static inline uint64_t dune_page_down(uint64_t address)
{
	return address & ~(PAGE_SIZE - 1);
}

static inline uint64_t dune_page_up(uint64_t size)
{
	return dune_page_down(size + PAGE_SIZE - 1);
}

/* As the CPU has addresses: the upper bits are those of the highest one. */
static inline uint64_t dune_canonical(uint64_t address)
{
	return (int64_t)(address << 16) >> 16;
}

/* From linux/signal.h, which does not go with the C library's. */
#ifndef SS_AUTODISARM
#define SS_AUTODISARM	(1U << 31)
#endif

/* Is this stack in use, when the stack pointer is there? */
static inline bool dune_is_on(const stack_t *stack, uint64_t sp)
{
	return !(stack->ss_flags & SS_DISABLE) &&
	       sp - (uint64_t)stack->ss_sp - 1 < stack->ss_size;
}

/* Is the result of a system call that returns an address an errno? */
static inline bool dune_is_error(long result)
{
	return result < 0 && result > -4096;
}

/* On the guest's side? Elsewhere the ring is 3, of the guest or the process. */
static inline bool dune_in_ring0(void)
{
	uint16_t cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	return !(cs & 3);
}

static inline uint64_t dune_mask_interrupts(void)
{
	uint64_t flags;

	asm volatile("pushfq; pop %0; cli" : "=r" (flags) : : "memory");
	return flags;
}

static inline void dune_restore_interrupts(uint64_t flags)
{
	if (flags & EFLAGS_IF)
		asm volatile("sti" : : : "memory");
}

/**
 * enum dune_lock_name - locks of the process, in the order in which to take them
 * @DUNE_LOCK_USER_MEMORY: while it is seen whether memory is ring 3's and then
 *	changed for that
 * @DUNE_LOCK_TABLES: of all page roots. Held by the guest's side of a thread
 *	with interrupts off, or by the host's side of one
 * @DUNE_LOCK_THREADS: while a thread gets or loses what a child of fork() has
 *	to know of, or the limit of descriptors is another
 * @DUNE_LOCK_HANDLERS: while those of signals and the kernel's are changed
 * @DUNE_LOCK_PAGES: of the page allocator
 * @DUNE_LOCK_OWN: of libdune's own range of addresses
 * @DUNE_LOCK_WINDOWS: while one is asked for
 */
enum dune_lock_name {
	DUNE_LOCK_USER_MEMORY,
	DUNE_LOCK_TABLES,
	DUNE_LOCK_THREADS,
	DUNE_LOCK_HANDLERS,
	DUNE_LOCK_PAGES,
	DUNE_LOCK_OWN,
	DUNE_LOCK_WINDOWS,
	DUNE_LOCKS,
};

/* lock.c */
void dune_lock_all(void);
void dune_unlock_all(void);
void dune_lock(enum dune_lock_name name);
void dune_unlock(enum dune_lock_name name);
uint64_t dune_lock_masked(enum dune_lock_name name);
void dune_unlock_masked(enum dune_lock_name name, uint64_t flags);

/* own.c */
int dune_own_init(void);
void *dune_own_map(uint64_t size, uint64_t align);

/* 512 GiB of addresses from there are libdune's. */
extern uint64_t dune_own_start;
#define DUNE_OWN_SIZE	(1ULL << 39)

static inline bool dune_is_own(uint64_t address)
{
	return address - dune_own_start < DUNE_OWN_SIZE;
}

int dune_own_show(int vcpu, const void *start, uint64_t size);

/* The thread of a guest that has libdune's descriptor table. */
static inline struct dune_thread *dune_guest_thread(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} table;

	asm volatile("sgdt %0" : "=m" (table));
	return (void *)(table.base - offsetof(struct dune_thread, gdt));
}

/* Ring 0's thread; NULL elsewhere, or if it has another table. */
static inline struct dune_thread *dune_self(void)
{
	uint64_t thread = (uint64_t)dune_guest_thread();

	if (!dune_in_ring0() || thread % DUNE_THREAD_SIZE ||
	    !dune_is_own(thread))
		return NULL;
	return (struct dune_thread *)thread;
}

/* window.c */
int dune_window_init(void);
int dune_window_again(int vcpu);

/* table.c */
void dune_table_init(uint64_t fill_size);

/**
 * struct dune_hold - while a function on roots is at work
 * @thread: whose it is
 * @flags: for dune_unlock_masked()
 */
struct dune_hold {
	struct dune_thread *thread;
	uint64_t flags;
};

/* root.c */
int dune_root_begin(struct dune_hold *hold);
void dune_root_end(struct dune_hold *hold);
int dune_root_init(int vcpu, bool tagged);

/* map.c */
int dune_range_error(const void *address, uint64_t size, bool change);
int dune_map_new(int vcpu, struct dune_root *root, uint64_t start,
		 uint64_t size, uint64_t bits);

/* look.c */
bool dune_shows_user(struct dune_root *root, uint64_t address, uint64_t size,
		     uint64_t bits);
uint64_t dune_bits_at(struct dune_root *root, uint64_t address);

/* tlb.c */
void dune_tlb_forget(const struct dune_hold *hold, struct dune_root *root,
		     uint64_t address, uint64_t size, bool global, bool others);

/* image.c */
int dune_image_map(int vcpu, struct dune_root *root);
bool dune_is_protected(uint64_t start, uint64_t size);

/* fill.c */
enum dune_fill { DUNE_FILL_AGAIN, DUNE_FILL_PROGRAM, DUNE_FILL_KERNEL };

/* Counts changes of any root. */
extern uint64_t dune_generation;

/* To be told before the lock of tables is released. */
static inline void dune_tables_changed(void)
{
	__atomic_add_fetch(&dune_generation, 1, __ATOMIC_RELEASE);
}

enum dune_fill dune_fill_fault(struct dune_thread *thread, uint64_t address);

/* entry.S */
int dune_enter_guest(struct dune_thread *thread);
long dune_run_vcpu(int vcpu);
long dune_forward_syscall(struct dune_thread *thread, struct dune_regs *regs);
long dune_raw_clone(long nr, long a, long b, long c, long d, long e,
		    struct dune_thread *child);
void dune_leave_block(uint8_t *used, long status) __attribute__((noreturn));
void dune_return_outside(const void *context) __attribute__((noreturn));
void dune_jump(uint64_t start, uint64_t stack) __attribute__((noreturn));
int dune_copy_bytes(void *to, const void *from, size_t size);
bool dune_probe_read(uint64_t address, siginfo_t *info);
bool dune_probe_write(uint64_t address, siginfo_t *info);
void dune_signal_restorer(void);
void dune_bad_return(void);
extern const char dune_syscall_return[];
extern const char dune_user_entry[], dune_user_entry_end[];
extern const char dune_copy_access[], dune_copy_failed[];
extern const char dune_run_syscall[], dune_run_return[], dune_forward_begin[], dune_forward_end[],
	dune_forward_restart[], dune_probe_read_access[],
	dune_probe_write_access[], dune_probe_failed[], dune_trap_stubs[];

/* host.c */
int dune_host_loop(struct dune_thread *thread);
void dune_give_up(const struct dune_run *run, long error)
	__attribute__((noreturn));
uint64_t dune_caller(const struct dune_regs *regs);
extern struct dune_info dune_module;
extern uint64_t dune_outside;
extern uint32_t dune_flags;
extern int dune_device;
extern struct dune_create_vcpu dune_new_vcpu;

/* memory.c */
bool dune_is_readable(uint64_t address, uint64_t size);
bool dune_is_writable(uint64_t address);

/* clone.c */
long dune_clone(struct dune_thread *thread, const struct dune_regs *regs,
		struct dune_frame *user);
int dune_fork_init(void);
void dune_child_loop(struct dune_thread *thread) __attribute__((noreturn));

/* thread.c */
int dune_thread_create(struct dune_thread **new);
void dune_thread_destroy(struct dune_thread *thread);
struct dune_thread *dune_thread_of(const void *stack);
extern unsigned int dune_threads;
extern uint64_t dune_handler_size;
bool dune_root_in_use(const struct dune_root *root);
int dune_thread_show(int vcpu, struct dune_thread *thread);
bool dune_thread_part(struct dune_thread *thread, struct dune_state *state);
void dune_thread_join(struct dune_thread *thread, const struct dune_run *run,
		      const struct dune_state *state);
void dune_thread_forget(struct dune_thread *thread);
void dune_exit(struct dune_thread *thread, long status)
	__attribute__((noreturn));
unsigned int dune_next_descriptor(unsigned int first);
long dune_limit(struct dune_thread *thread, struct dune_regs *regs);

/* dispatch.c */
long dune_set_dispatch(struct dune_thread *thread, const struct dune_regs *regs);
bool dune_dispatched(struct dune_thread *thread, const struct dune_regs *regs);

/* descriptor.c */
int dune_high_descriptor(int fd);
long dune_move_descriptor(int fd);
long dune_close(struct dune_thread *thread, struct dune_regs *regs);
long dune_close_range(struct dune_thread *thread, struct dune_regs *regs);
long dune_duplicate(struct dune_thread *thread, struct dune_regs *regs);

/* rseq.c */
struct dune_rseq *dune_rseq_release(void);
void dune_rseq_init(struct dune_thread *thread);
void dune_rseq_undo(struct dune_thread *thread);
long dune_rseq(struct dune_thread *thread, struct dune_regs *regs);
void dune_rseq_update(struct dune_thread *thread);
void dune_rseq_abort(struct dune_thread *thread, __u64 *rip);
void dune_rseq_end(struct dune_thread *thread);

/* Where the program has an area, and says there that it is in a sequence. */
static inline bool dune_in_sequence(const struct dune_thread *thread)
{
	return thread->program_rseq && thread->program_rseq->sequence;
}

static inline uint64_t dune_fault_address(void)
{
	uint64_t address;

	asm volatile("mov %%cr2, %0" : "=r" (address));
	return address;
}

/* Is this ring 3 as dune_run_user() has it, not one that the program made? */
static inline bool dune_is_user(const struct dune_thread *thread,
				const struct dune_frame *frame)
{
	return frame->cs & 3 && thread->ring3.rsp;
}

/* Is this dune_copy(), where it may come upon what is not there? */
static inline bool dune_is_copy(const struct dune_frame *frame)
{
	return frame->rip == (uint64_t)dune_copy_access && !(frame->cs & 3);
}

/* Has SYSCALL the way that it has in ring 3, still? */
static inline bool dune_was_in_ring3(const struct dune_thread *thread)
{
	return thread->syscall_target != thread->syscall_entry + DUNE_DIRECT;
}

/* trap.c */
void dune_trap_init(void);
void dune_trap_set_up(struct dune_thread *thread, struct dune_state *state);
void dune_trap_tell_cpu(struct dune_thread *thread);

void dune_enter_user(struct dune_thread *thread, struct dune_frame *frame);
void dune_exit_user(uint64_t rsp) __attribute__((noreturn));
extern const char dune_resume_frame[];

/* user.c */
extern bool dune_has_fsgsbase;
bool dune_user_syscall(struct dune_thread *thread, struct dune_frame *frame);
void dune_user_resume(struct dune_frame *frame);
bool dune_user_trap(struct dune_thread *thread, struct dune_frame *frame);
void dune_return_to_user(struct dune_thread *thread, struct dune_frame *frame);

/* A trap or a system call ends. */
static inline void dune_user_return(struct dune_thread *thread,
				    struct dune_frame *frame)
{
	if (dune_is_user(thread, frame))
		dune_return_to_user(thread, frame);
}

/* user_call.c */
long dune_user_call(struct dune_thread *thread, struct dune_frame *frame);

/* user_memory.c */
long dune_user_memory(struct dune_thread *thread, struct dune_frame *frame);

/* handler.c */
int dune_set_handler(uint64_t *place, void *handler, unsigned int flags);
struct dune_frame *dune_trap(struct dune_frame *frame);
void dune_handle(struct dune_frame *frame, const struct dune_frame *first);

/* signal.c */
void dune_signal_init(struct dune_thread *thread);
struct dune_sighand *dune_sighand_get(struct dune_sighand *sighand, bool share);
void dune_end_by(int signal) __attribute__((noreturn));
void dune_sighand_put(struct dune_sighand *sighand);
void dune_signal_child(struct dune_thread *thread);
long dune_sigaction(struct dune_thread *thread, const struct dune_regs *regs,
		    bool of_user);
long dune_sigaltstack(struct dune_thread *thread, const struct dune_regs *regs,
		      stack_t *own);
long dune_sigprocmask(struct dune_thread *thread, const struct dune_regs *regs);
void dune_sigreturn(struct dune_thread *thread, struct dune_regs *regs);
void dune_deliver(struct dune_thread *thread, struct dune_frame *frame);
uint64_t dune_block_signals(void);
void dune_set_mask(uint64_t mask);
uint64_t dune_hold_signals(struct dune_thread *thread);
void dune_release_signals(struct dune_thread *thread, uint64_t mask);
bool dune_hold_back(struct dune_thread *thread);
void dune_pass_on(struct dune_thread *thread);
bool dune_would_handle(const struct dune_thread *thread,
		       const struct dune_frame *frame, int signal,
		       uint64_t mask);
void dune_deliver_fault(struct dune_thread *thread, struct dune_frame *frame,
			siginfo_t *info, uint64_t mask, uint64_t cr2);

/* exception.c */
void dune_exception(struct dune_thread *thread, struct dune_frame *frame,
		    uint64_t cr2);
bool dune_is_gone(struct dune_thread *thread, struct dune_frame *frame,
		  uint64_t cr2);
int dune_outside_bases(const struct dune_thread *thread);

/* sigframe.c */
void dune_frame_init(void);
void dune_save_state(char *area);
void dune_begin_state(char *area);

/**
 * struct dune_fpu - floating-point and vector registers, as the CPU has them
 * @xsave: there may be more than those of 1999
 * @features: which there are, for XSAVE and XRSTOR
 * @low: half of that
 * @high: the other half
 * @size: of all, in bytes
 */
extern struct dune_fpu {
	bool xsave;
	union {
		uint64_t features;
		struct {
			uint32_t low, high;
		};
	};
	size_t size;
} dune_fpu;

static inline void dune_load_state(const char *area)
{
	if (dune_fpu.xsave)
		asm volatile("xrstor64 (%0)" : : "r" (area),
			     "a" (dune_fpu.low), "d" (dune_fpu.high)
			     : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r" (area) : "memory");
}

bool dune_build_frame(struct dune_thread *thread, struct dune_frame *frame,
		      const siginfo_t *info, const struct dune_action *action,
		      bool of_user, uint64_t mask, uint64_t cr2);
uint64_t dune_restore_frame(struct dune_thread *thread,
			    struct dune_regs *regs);
struct dune_regs dune_registers_of(const struct dune_frame *frame);
void dune_put_frame(struct dune_regs *regs, uint64_t end,
		    const struct dune_frame *frame);
bool dune_restore_user(struct dune_thread *thread, struct dune_frame *frame,
		       uint64_t *mask);
void dune_resume_outside(const struct dune_thread *thread,
			 const struct dune_frame *frame, uint64_t mask)
	__attribute__((noreturn));

#pragma GCC visibility pop

#endif /* !__ASSEMBLER__ */
#endif /* DUNE_INTERNAL_H */
