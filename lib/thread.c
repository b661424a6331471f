// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads in Dune: their memory, how they begin and how they end. */
#include "internal.h"

#include <errno.h>
#include <limits.h>
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

/* That are in Dune, or about to be. */
unsigned int dune_threads;

/* Of larger stacks for handlers, in bytes; 0: there are none. */
uint64_t dune_handler_size;

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
	code = put_relative(code, load_rsp, 3, &thread->ring3.rsp);
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
	if (dune_handler_size <= thread->handler_size)
		return true;
	if (!*place)
		*place = dune_own_map(dune_handler_size, PAGE_SIZE);
	thread->handler_size = dune_handler_size;
	thread->handler_stack = *place + dune_handler_size;
	return *place;
}

static void set_up_block(struct dune_thread *thread)
{
	struct chunk *chunk = chunk_of(thread);

	memset(thread, 0, sizeof(*thread));
	thread->vcpu = -1;
	thread->host_stack = (char *)thread + DUNE_THREAD_SIZE;
	thread->syscall_entry = chunk->entries;
	thread->own_entry = chunk->entries +
			    block_number(thread) * DUNE_ENTRY_SIZE;
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

	dune_lock(DUNE_LOCK_THREADS);
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
	dune_unlock(DUNE_LOCK_THREADS);
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

/* One in use behind another one, or the first of all; NULL: there is none. */
static struct dune_thread *next_thread(const struct dune_thread *last)
{
	struct chunk *chunk = __atomic_load_n(&chunks, __ATOMIC_ACQUIRE);
	unsigned int i = 1;

	if (last) {
		chunk = chunk_of(last);
		i = block_number(last) + 1;
	}
	for (; chunk; chunk = chunk->next, i = 1)
		for (; i < BLOCKS; i++)
			if (chunk->used[i])
				return block_of(chunk, i);
	return NULL;
}

bool dune_root_in_use(const struct dune_root *root)
{
	struct dune_thread *thread = NULL;

	while ((thread = next_thread(thread)))
		if (thread->root == root)
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

static void drop_vcpu(struct dune_thread *thread)
{
	dune_lock(DUNE_LOCK_THREADS);
	CALL1(SYS_close, thread->vcpu);
	thread->vcpu = -1;
	dune_unlock(DUNE_LOCK_THREADS);
	__atomic_sub_fetch(&dune_threads, 1, __ATOMIC_RELEASE);
	/* no place for others: it is in libdune's range */
	dune_syscall(SYS_mmap, (long)thread + DUNE_RUN_PAGE, PAGE_SIZE,
		     PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Gives a thread its virtual CPU. */
static int take_vcpu(struct dune_thread *thread)
{
	long run;
	int fd;

	/* a child that begins now is to know that it has the descriptor */
	dune_lock(DUNE_LOCK_THREADS);
	fd = dune_high_descriptor(-1);
	if (fd >= 0)
		thread->vcpu = fd;
	dune_unlock(DUNE_LOCK_THREADS);
	if (fd < 0)
		return fd;
	__atomic_add_fetch(&dune_threads, 1, __ATOMIC_RELEASE);
	run = dune_syscall(SYS_mmap, (long)thread + DUNE_RUN_PAGE, PAGE_SIZE,
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			   thread->vcpu, 0);
	if (dune_is_error(run)) {
		drop_vcpu(thread);
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
		err = take_vcpu(thread);
	if (err && thread)
		__atomic_store_n(used_flag(thread), 0, __ATOMIC_RELEASE);
	dune_set_mask(mask);
	*new = thread;
	return err;
}

static void give_back(struct dune_thread *thread)
{
	drop_vcpu(thread);
	thread->root = NULL;
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

/**
 * dune_thread_part() - be without a virtual CPU when memory goes
 * @thread: this one, with its signals blocked
 * @state: set to that of its guest
 *
 * At the end of memory that a module looks at the kernel waits, some
 * milliseconds, for whoever may be doing so (mmu_notifier_release()): the last
 * virtual CPU goes before, where nobody sees it or need not mind.
 *
 * Return: whether it was the last, and has gone; what the run page had is still
 * there. To dune_thread_join() when the process is still there after the call.
 */
bool dune_thread_part(struct dune_thread *thread, struct dune_state *state)
{
	struct dune_run run = *thread->run;

	if ((run.watched && !(dune_flags & DUNE_OPTION_END_EARLY)) ||
	    thread->borrowed ||
	    __atomic_load_n(&dune_threads, __ATOMIC_ACQUIRE) != 1 ||
	    CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATE, state))
		return false;
	drop_vcpu(thread);
	*thread->run = run;
	return true;
}

/**
 * dune_thread_join() - have another virtual CPU, also in a child
 * @thread: this one, with its signals blocked; it has none
 * @run: what its run page had
 * @state: of its guest
 *
 * Does not return where there is none.
 */
void dune_thread_join(struct dune_thread *thread, const struct dune_run *run,
		      const struct dune_state *state)
{
	/* may be in that page */
	struct dune_run copy = *run;
	long err = take_vcpu(thread);

	if (!err) {
		*thread->run = copy;
		err = dune_window_again(thread->vcpu) ?:
		      CALL3(SYS_ioctl, thread->vcpu, DUNE_SET_STATE, state);
	}
	if (err)
		dune_give_up(&copy, err);
}

/*
 * What a child has of threads is memory only; but for @thread, which is to
 * dune_thread_join().
 */
void dune_thread_forget(struct dune_thread *thread)
{
	struct dune_thread *one = NULL;

	while ((one = next_thread(one))) {
		CALL1(SYS_close, one->vcpu);
		if (one != thread)
			*used_flag(one) = 0;
	}
	dune_threads = 0;
	dune_signal_child(thread);
}

/* While the limit of descriptors is changed, by libdune or by the program. */
long dune_limit(struct dune_thread *thread, struct dune_regs *regs)
{
	long ret;

	dune_lock(DUNE_LOCK_THREADS);
	ret = dune_forward_syscall(thread, regs);
	dune_unlock(DUNE_LOCK_THREADS);
	return ret;
}

/* The lowest of libdune's own descriptors from @first on, or UINT_MAX. */
unsigned int dune_next_descriptor(unsigned int first)
{
	struct dune_thread *thread = NULL;
	unsigned int next = UINT_MAX, fd;

	if ((unsigned int)dune_device >= first)
		next = dune_device;
	fd = dune_new_vcpu.filter;
	if (dune_new_vcpu.flags && fd >= first && fd < next)
		next = fd;
	while ((thread = next_thread(thread))) {
		fd = thread->vcpu;
		if (fd >= first && fd < next)
			next = fd;
	}
	return next;
}
