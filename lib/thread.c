// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads in Dune: their memory, how they begin and how they end. */
#include "internal.h"

#include <asm/prctl.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define BLOCKS		64
#define CHUNK_SIZE	(BLOCKS * DUNE_THREAD_SIZE)

/**
 * struct chunk - memory for threads
 * @next: those made before
 * @used: which blocks are; 0 is this
 * @stacks: of the blocks, for handlers, where those in the blocks are too small
 * @entries: what SYSCALL calls, on a page of its own
 *
 * Aligned to its size. None is ever given back: a stack that is looked up by
 * another thread's handler must not vanish.
 */
struct chunk {
	struct chunk *next;
	uint8_t used[BLOCKS];
	char *stacks[BLOCKS];
	uint8_t entries[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
};

static struct chunk *chunks;

/* Threads that are in Dune, or about to be; and how large their stacks are. */
static unsigned int count;
static uint64_t handler_size;

#define LOCK	(&dune_locks[DUNE_LOCK_THREADS])

static struct dune_thread *block_of(struct chunk *chunk, int i)
{
	return (struct dune_thread *)((char *)chunk + i * DUNE_THREAD_SIZE);
}

/* An instruction with an operand that is found from its own place. */
static uint8_t *put_relative(uint8_t *code, const char *opcode, size_t size,
			     const void *operand)
{
	int32_t distance;

	memcpy(code, opcode, size);
	code += size;
	distance = (const uint8_t *)operand - (code + sizeof(distance));
	memcpy(code, &distance, sizeof(distance));
	return code + sizeof(distance);
}

/*
 * What SYSCALL calls for one thread: a jump to where the thread says. In ring 0
 * that is the instruction that leaves the guest, which is the CPU's own, and a
 * jump back to where SYSCALL was executed: no stack is used, and with SFMASK
 * zero the flags are as they were. In ring 3 it is the rest of this: the stack
 * has to be another one before anything else.
 */
static void make_entry(uint8_t *code, struct dune_thread *thread)
{
	static const char jump[] = "\xff\x25", save_rsp[] = "\x48\x89\x25",
			  load_rsp[] = "\x48\x8b\x25";

	put_relative(code, jump, 2, &thread->syscall_target);
	code += DUNE_USER_PATH;
	code = put_relative(code, save_rsp, 3, &thread->user_rsp);
	code = put_relative(code, load_rsp, 3, &thread->ring0_rsp);
	put_relative(code, jump, 2, &thread->user_entry);
}

static bool make_entries(struct chunk *chunk)
{
	static const uint8_t jump_back[] = { 0xff, 0xe1 };	/* jmp *%rcx */
	uint8_t *direct = chunk->entries + DUNE_DIRECT;
	unsigned int len = dune_module.hypercall_len;
	int i;

	for (i = 1; i < BLOCKS; i++)
		make_entry(chunk->entries + i * DUNE_ENTRY_SIZE,
			   block_of(chunk, i));
	memcpy(direct, dune_module.hypercall, len);
	memcpy(direct + len, jump_back, sizeof(jump_back));
	return !CALL3(SYS_mprotect, chunk->entries, PAGE_SIZE,
		      PROT_READ | PROT_EXEC);
}

static struct chunk *new_chunk(void)
{
	struct chunk *chunk = dune_own_map(CHUNK_SIZE, CHUNK_SIZE);

	if (!chunk || !make_entries(chunk))
		return NULL;
	chunk->used[0] = 1;
	chunk->next = chunks;
	__atomic_store_n(&chunks, chunk, __ATOMIC_RELEASE);
	return chunk;
}

static struct chunk *chunk_of(const struct dune_thread *thread)
{
	return (struct chunk *)((uint64_t)thread & ~(CHUNK_SIZE - 1));
}

static unsigned int block_number(const struct dune_thread *thread)
{
	return ((char *)thread - (char *)chunk_of(thread)) / DUNE_THREAD_SIZE;
}

/* A stack that a block has once it keeps. */
static bool take_stack(struct dune_thread *thread)
{
	char **place = &chunk_of(thread)->stacks[block_number(thread)];

	thread->handler_size = DUNE_HANDLER_STACK - DUNE_SIGNAL_STACK;
	thread->handler_stack = (char *)thread + DUNE_HANDLER_STACK;
	if (handler_size <= thread->handler_size)
		return true;
	if (!*place)
		*place = dune_own_map(handler_size, PAGE_SIZE);
	thread->handler_size = handler_size;
	thread->handler_stack = *place + handler_size;
	return *place;
}

/* What SYSCALL calls. */
const uint8_t *dune_thread_entry(const struct dune_thread *thread)
{
	return thread->syscall_entry + block_number(thread) * DUNE_ENTRY_SIZE;
}

static void set_up_block(struct dune_thread *thread)
{
	struct chunk *chunk = chunk_of(thread);

	memset(thread, 0, sizeof(*thread));
	thread->vcpu = -1;
	thread->host_stack = (char *)thread + DUNE_THREAD_SIZE;
	thread->syscall_entry = chunk->entries;
	thread->syscall_target = chunk->entries + DUNE_DIRECT;
	thread->user_entry = dune_user_entry;
	thread->stack.ss_flags = SS_DISABLE;
	thread->user_stack.ss_flags = SS_DISABLE;
}

static struct dune_thread *take_block(void)
{
	struct dune_thread *thread = NULL;
	struct chunk *chunk;
	int i;

	dune_lock(LOCK);
	for (chunk = chunks; chunk && !thread; chunk = chunk->next)
		for (i = 0; i < BLOCKS && !thread; i++)
			if (!__atomic_exchange_n(&chunk->used[i], 1,
						 __ATOMIC_ACQUIRE))
				thread = block_of(chunk, i);
	if (!thread) {
		chunk = new_chunk();
		if (chunk) {
			chunk->used[1] = 1;
			thread = block_of(chunk, 1);
		}
	}
	/* a child closes the descriptor that a block names */
	if (thread)
		set_up_block(thread);
	dune_unlock(LOCK);
	return thread;
}

static uint8_t *used_flag(struct dune_thread *thread)
{
	return &chunk_of(thread)->used[block_number(thread)];
}

/* Whose stack an address is on; NULL: of no thread in Dune. */
struct dune_thread *dune_thread_of(const void *stack)
{
	struct chunk *chunk = __atomic_load_n(&chunks, __ATOMIC_ACQUIRE);

	for (; chunk; chunk = chunk->next)
		if ((uint64_t)stack - (uint64_t)chunk < CHUNK_SIZE)
			return (void *)((uint64_t)stack &
					~(DUNE_THREAD_SIZE - 1));
	return NULL;
}

/* The guest's own thread, by its descriptor table; NULL if that is not ours. */
struct dune_thread *dune_self(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} table;

	asm volatile("sgdt %0" : "=m" (table));
	if (!dune_is_own(table.base) ||
	    table.base % DUNE_THREAD_SIZE != offsetof(struct dune_thread, gdt))
		return NULL;
	return (void *)(table.base & ~(DUNE_THREAD_SIZE - 1));
}

unsigned int dune_thread_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

bool dune_root_in_use(const struct dune_root *root)
{
	struct chunk *chunk = __atomic_load_n(&chunks, __ATOMIC_ACQUIRE);
	int i;

	for (; chunk; chunk = chunk->next)
		for (i = 1; i < BLOCKS; i++)
			if (chunk->used[i] && block_of(chunk, i)->root == root)
				return true;
	return false;
}

/* What the guest's side must not miss: a fault would need it itself. */
int dune_thread_show(int vcpu, struct dune_thread *thread)
{
	char *stack = thread->handler_stack - thread->handler_size;
	int err = dune_own_show(vcpu, chunk_of(thread), CHUNK_SIZE);

	return err ?: dune_own_show(vcpu, stack, thread->handler_size);
}

static void close_vcpu(struct dune_thread *thread)
{
	dune_lock(LOCK);
	CALL1(SYS_close, thread->vcpu);
	thread->vcpu = -1;
	dune_unlock(LOCK);
}

/* Gives a thread its virtual CPU; @place: where the run page is to be. */
static int make_vcpu(struct dune_thread *thread, void *place)
{
	long run;
	int fd;

	/* a child that begins now is to know that it has the descriptor */
	dune_lock(LOCK);
	fd = dune_vcpu_descriptor();
	if (fd >= 0)
		thread->vcpu = fd;
	dune_unlock(LOCK);
	if (fd < 0)
		return fd;
	run = dune_syscall(SYS_mmap, (long)place, PAGE_SIZE,
			   PROT_READ | PROT_WRITE,
			   MAP_SHARED | (place ? MAP_FIXED : 0), thread->vcpu,
			   0);
	if (dune_is_error(run)) {
		close_vcpu(thread);
		return run;
	}
	thread->run = (struct dune_run *)run;
	return 0;
}

int dune_thread_create(struct dune_thread **new)
{
	uint64_t mask = dune_block_signals();
	struct dune_thread *thread = take_block();
	int err = -ENOMEM;

	if (thread && take_stack(thread))
		err = make_vcpu(thread, NULL);
	if (!err)
		__atomic_add_fetch(&count, 1, __ATOMIC_RELEASE);
	else if (thread)
		__atomic_store_n(used_flag(thread), 0, __ATOMIC_RELEASE);
	dune_set_mask(mask);
	*new = thread;
	return err;
}

static void give_back(struct dune_thread *thread)
{
	close_vcpu(thread);
	thread->root = NULL;
	__atomic_sub_fetch(&count, 1, __ATOMIC_RELEASE);
	CALL2(SYS_munmap, thread->run, PAGE_SIZE);
	if (thread->sighand)
		dune_sighand_put(thread->sighand);
}

void dune_thread_destroy(struct dune_thread *thread)
{
	uint64_t mask = dune_block_signals();

	give_back(thread);
	__atomic_store_n(used_flag(thread), 0, __ATOMIC_RELEASE);
	dune_set_mask(mask);
}

/* The thread's own end. */
void dune_exit(struct dune_thread *thread, long status)
{
	static uint8_t nothing;

	dune_block_signals();
	dune_pass_on(thread);
	dune_rseq_end(thread);
	/* who made it frees it, and has another descriptor table */
	if (thread->borrowed)
		dune_leave_block(&nothing, status);
	give_back(thread);
	dune_leave_block(used_flag(thread), status);
}

/* What a child has of threads but @thread, or of all, is memory only. */
static void forget_others(struct dune_thread *thread)
{
	struct chunk *chunk;
	int i;

	for (chunk = chunks; chunk; chunk = chunk->next) {
		for (i = 1; i < BLOCKS; i++) {
			if (!chunk->used[i])
				continue;
			CALL1(SYS_close, block_of(chunk, i)->vcpu);
			if (block_of(chunk, i) != thread)
				chunk->used[i] = 0;
		}
	}
	count = !!thread;
	dune_signal_child(thread);
}

/*
 * fork() is called outside of Dune, by the C library: what others do in there is
 * to be complete in the child. In Dune that is seen to when the call is made.
 */
static bool is_outside(void)
{
	return !dune_in_ring0() &&
	       !dune_thread_of(__builtin_frame_address(0));
}

static void before_fork(void)
{
	if (is_outside())
		dune_lock_all();
}

static void after_fork(void)
{
	if (is_outside())
		dune_unlock_all();
}

static void begin_child(void)
{
	if (!is_outside())
		return;
	dune_unlock_all();
	forget_others(NULL);
}

/**
 * dune_thread_init() - get ready for threads, and for those that fork
 * @size: of larger stacks for handlers, in bytes; 0: none
 *
 * Return: 0; -ENOMEM.
 */
int dune_thread_init(uint64_t size)
{
	static bool told;

	handler_size = size;
	told = told || !pthread_atfork(before_fork, after_fork, begin_child);
	return told ? 0 : -ENOMEM;
}

/* While the limit of descriptors is changed, by libdune or by the program. */
long dune_limit(struct dune_thread *thread, struct dune_regs *regs)
{
	long ret;

	dune_lock(LOCK);
	ret = dune_forward_syscall(thread, regs);
	dune_unlock(LOCK);
	return ret;
}

/* The lowest of libdune's own descriptors from @first on, or UINT_MAX. */
unsigned int dune_next_descriptor(unsigned int first)
{
	unsigned int next = UINT_MAX;
	struct chunk *chunk;
	int i;

	if ((unsigned int)dune_device >= first)
		next = dune_device;
	for (chunk = chunks; chunk; chunk = chunk->next) {
		for (i = 1; i < BLOCKS; i++) {
			unsigned int fd = block_of(chunk, i)->vcpu;

			if (chunk->used[i] && fd >= first && fd < next)
				next = fd;
		}
	}
	return next;
}

/**
 * struct birth - a call that makes a thread or a process
 * @nr: SYS_clone or SYS_clone3
 * @flags: CLONE_*, with the signal in the low byte if it is SYS_clone
 * @stack: end of the new stack, or 0
 * @tls: with CLONE_SETTLS
 * @parent_tid: for SYS_clone
 * @child_tid: for SYS_clone
 * @args: for SYS_clone3; longer ones are the kernel's to refuse
 * @size: of what the program gave
 * @user: registers of ring 3 that makes it, or NULL
 */
struct birth {
	long nr;
	uint64_t flags, stack, tls;
	long parent_tid, child_tid;
	struct clone_args args;
	uint64_t size;
	struct dune_frame *user;
};

/* Can @size bytes be read? The kernel looks before it minds the signal. */
bool dune_is_readable(uint64_t address, uint64_t size)
{
	const uint64_t step = sizeof(struct dune_action);

	return CALL4(SYS_rt_sigaction, 0, address, 0, MASK_SIZE) != -EFAULT &&
	       CALL4(SYS_rt_sigaction, 0, address + size - step, 0,
		     MASK_SIZE) != -EFAULT;
}

/* Can the aligned word with this byte be written? It is, without a change. */
bool dune_is_writable(uint64_t address)
{
	static uint32_t nobody_waits;

	return dune_syscall(SYS_futex, (long)&nobody_waits,
			    FUTEX_WAKE_OP_PRIVATE, 0, 0, address & ~3UL,
			    FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) !=
	       -EFAULT;
}

static long read_birth(struct birth *birth, const struct dune_regs *regs)
{
	memset(birth, 0, sizeof(*birth));
	birth->nr = SYS_clone;
	switch (regs->rax) {
	case SYS_fork:
		birth->flags = SIGCHLD;
		return 0;
	case SYS_vfork:
		birth->flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
		return 0;
	case SYS_clone:
		birth->flags = regs->rdi;
		birth->stack = regs->rsi;
		birth->parent_tid = regs->rdx;
		birth->child_tid = regs->r10;
		birth->tls = regs->r8;
		return 0;
	}
	birth->nr = SYS_clone3;
	birth->size = regs->rsi;
	if (birth->size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (birth->size > sizeof(birth->args))
		return -E2BIG;
	if (!dune_is_readable(regs->rdi, birth->size))
		return -EFAULT;
	memcpy(&birth->args, (void *)regs->rdi, birth->size);
	birth->flags = birth->args.flags;
	birth->tls = birth->args.tls;
	if (birth->args.stack)
		birth->stack = birth->args.stack + birth->args.stack_size;
	return 0;
}

static long make_birth(struct birth *birth, struct dune_thread *child)
{
	char *stack = child ? (char *)child + DUNE_SIGNAL_STACK : NULL;

	if (birth->nr == SYS_clone)
		return dune_raw_clone(SYS_clone, birth->flags,
				      child ? (long)child->host_stack : 0,
				      birth->parent_tid, birth->child_tid,
				      birth->tls, child);
	birth->args.stack = (uint64_t)stack;
	birth->args.stack_size = child ? (char *)child->host_stack - stack : 0;
	return dune_raw_clone(SYS_clone3, (long)&birth->args, birth->size, 0, 0,
			      0, child);
}

/* What is another in the child of ring 3. */
static void set_user_child(struct dune_thread *thread, struct dune_frame *frame,
			   const struct birth *birth)
{
	frame->rax = 0;
	if (birth->stack)
		frame->rsp = birth->stack;
	if (birth->flags & CLONE_SETTLS)
		thread->user_fs = birth->tls;
}

/*
 * Where its parent has called it, with a stack of its own in ring 0: that for
 * handlers of exceptions.
 */
static void begin_in_ring3(struct dune_thread *child,
			   const struct dune_thread *parent,
			   const struct birth *birth)
{
	uint64_t end = (uint64_t)child->handler_stack - 16;
	struct dune_frame frame = *birth->user;

	child->user_fs = parent->user_fs;
	child->ring0_rsp = end;
	*(struct dune_thread **)end = child;
	set_user_child(child, &frame, birth);
	dune_put_frame(&child->run->regs, end, &frame);
}

/* The child begins where its parent is, but on its own stack, with 0. */
static long prepare_child(struct dune_thread *child, struct dune_thread *parent,
			  const struct birth *birth)
{
	struct dune_state state;
	long err = CALL3(SYS_ioctl, parent->vcpu, DUNE_GET_STATE, &state);

	if (err)
		return err;
	dune_trap_set_up(child, &state);
	/* the guest's side of it must not fault on its own stack */
	child->root = parent->root;
	err = dune_thread_show(parent->vcpu, child);
	if (err)
		return err;
	if (birth->user) {
		begin_in_ring3(child, parent, birth);
	} else {
		if (birth->flags & CLONE_SETTLS)
			state.fs.base = birth->tls;
		child->run->regs = parent->run->regs;
		child->run->regs.rax = 0;
		if (birth->stack)
			child->run->regs.rsp = birth->stack;
	}
	child->sighand = dune_sighand_get(parent->sighand,
					  birth->flags & CLONE_SIGHAND);
	if (!child->sighand)
		return -ENOMEM;
	if (birth->flags & CLONE_CLEAR_SIGHAND)
		dune_sighand_clear(child->sighand);
	return CALL3(SYS_ioctl, child->vcpu, DUNE_SET_STATE, &state);
}

/* With the same memory: a thread, or a process until it calls exec(). */
static long clone_thread(struct dune_thread *parent, struct birth *birth,
			 uint64_t mask)
{
	struct dune_thread *child;
	int vcpu;
	long ret;

	/* as the kernel has it when it finds no room */
	if (dune_thread_create(&child))
		return -EAGAIN;
	child->mask = mask;
	child->borrowed = birth->flags & CLONE_VFORK;
	if (child->borrowed) {
		child->stack = parent->stack;
		child->user_stack = parent->user_stack;
	}
	vcpu = child->vcpu;
	ret = prepare_child(child, parent, birth);
	if (!ret)
		ret = make_birth(birth, child);
	if (ret < 0 || (birth->flags & CLONE_VFORK))
		dune_thread_destroy(child);
	else if (!(birth->flags & CLONE_FILES))
		/* the child has one of its own, and may be gone by now */
		CALL1(SYS_close, vcpu);
	return ret;
}

/* The child of a fork makes its own of everything that is not memory. */
static int become_process(struct dune_thread *thread,
			  const struct dune_regs *regs,
			  const struct dune_state *state)
{
	int err;

	forget_others(thread);
	/* signals that wait are the parent's */
	thread->pending = false;
	thread->signalled = false;
	thread->dispatch.on = false;
	err = make_vcpu(thread, thread->run);
	if (err)
		return err;
	thread->run->regs = *regs;
	err = dune_window_again(thread->vcpu);
	if (err)
		return err;
	return CALL3(SYS_ioctl, thread->vcpu, DUNE_SET_STATE, state);
}

static void fail_in_child(void)
{
	static const char text[] =
		"dune: the child has no virtual CPU and cannot go on\n";

	CALL3(SYS_write, 2, text, sizeof(text) - 1);
	for (;;)
		CALL1(SYS_exit_group, 127);
}

static long clone_process(struct dune_thread *thread, struct birth *birth)
{
	struct dune_regs regs = thread->run->regs;
	struct dune_state state;
	long ret = CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATE, &state);

	if (ret)
		return ret;
	if (birth->flags & CLONE_SETTLS && !birth->user)
		state.fs.base = birth->tls;
	if (birth->stack && !birth->user)
		regs.rsp = birth->stack;
	dune_lock_all();
	ret = make_birth(birth, NULL);
	dune_unlock_all();
	if (!ret && birth->flags & CLONE_CLEAR_SIGHAND)
		dune_sighand_clear(thread->sighand);
	if (!ret && birth->user)
		set_user_child(thread, birth->user, birth);
	if (!ret && become_process(thread, &regs, &state))
		fail_in_child();
	return ret;
}

/*
 * The guest calls fork(), vfork(), clone() or clone3(); or ring 3 does, with
 * @user.
 */
long dune_clone(struct dune_thread *thread, const struct dune_regs *regs,
		struct dune_frame *user)
{
	struct birth birth;
	long ret = read_birth(&birth, regs);
	uint64_t mask;

	if (ret)
		return ret;
	/* in what dune_walk() calls */
	if (thread->has_tables)
		return -EDEADLK;
	birth.user = user;
	mask = dune_hold_signals(thread);
	if (birth.flags & CLONE_VM)
		ret = clone_thread(thread, &birth, mask);
	else
		ret = clone_process(thread, &birth);
	dune_release_signals(thread, mask);
	return ret;
}

void dune_child_loop(struct dune_thread *thread)
{
	dune_set_mask(thread->mask);
	/* it returns if the guest could not be entered at all */
	dune_give_up(thread->run, dune_host_loop(thread));
}
