/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ring 3: code that does not have what ring 0 has. */
#ifndef DUNE_USER_H
#define DUNE_USER_H

#include <dune/trap.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct dune_user - ring 3 of this thread
 * @frame: its registers; of @frame.rflags what ring 3 may set itself
 * @fs_base: its thread-local storage
 * @result: what dune_leave_user() was given
 */
struct dune_user {
	struct dune_frame frame;
	uint64_t fs_base;
	long result;
};

/**
 * typedef dune_syscall_handler - takes a system call made in ring 3
 * @frame: number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; the result is
 *	what rax is when it returns
 *
 * Runs in ring 0 on the stack of dune_run_user(), with interrupts off. It may
 * do what handlers of exceptions may do, and leave by dune_leave_user().
 */
typedef void (*dune_syscall_handler)(struct dune_frame *frame);

/**
 * dune_set_syscall_handler() - take the system calls of ring 3
 * @handler: NULL: each is made as it is, as by dune_forward()
 * @flags: DUNE_HANDLER_*
 *
 * For all threads, also those that are in ring 3. May be called anywhere.
 *
 * Without a handler ring 3 may call all that the process may, with pointers to
 * what the root does not show it: NULL is for code that is trusted.
 *
 * Return: 0; -EINVAL for an unknown flag.
 */
int dune_set_syscall_handler(dune_syscall_handler handler, unsigned int flags);

/**
 * dune_run_user() - go on in ring 3
 * @user: in: where; out: where it was when it was left
 *
 * The root has to show ring 3 what it is to use (DUNE_PTE_USER). Exceptions and
 * signals reach the handlers of the program as before, in ring 0. May be called
 * in a handler, then to return before it does.
 *
 * Ring 3 begins with floating-point and vector registers as a new process has
 * them, and the caller finds its own again. The GS base is one for both rings.
 *
 * Return: @user->result; -EINVAL for an rip or fs_base that is no address of a
 * process; -EPERM outside of Dune.
 */
long dune_run_user(struct dune_user *user);

/**
 * dune_leave_user() - in a handler: have dune_run_user() return
 * @frame: of the handler, which was called from ring 3
 * @result: for @user->result
 */
void dune_leave_user(const struct dune_frame *frame, long result)
	__attribute__((noreturn));

/**
 * dune_call_user() - call a function in ring 3
 * @function: the function
 * @argument: for it
 * @stack: lowest address of its stack
 * @size: of that, in bytes, at least 256
 *
 * It has the thread-local storage of the caller. As dune_run_user().
 *
 * Return: what the function returns, or what dune_leave_user() was given;
 * -EFAULT when its stack cannot be written to; -EINVAL, -EPERM.
 */
long dune_call_user(long (*function)(void *argument), void *argument,
		    void *stack, size_t size);

/**
 * dune_forward() - make the system call of ring 3
 * @frame: of the handler of system calls
 *
 * For the kernel it is a call of this thread. Those that have to do with what
 * libdune keeps mean ring 3: handlers of signals that they install and their
 * alternative stack are there, threads and processes that they make begin there,
 * ARCH_SET_FS sets @fs_base. Memory that mmap(), mremap(), brk() or shmat()
 * give is shown to ring 3 in the thread's root, until it is given back; what the
 * root does not show to ring 3 can be neither replaced nor changed (-EPERM), and
 * munmap() leaves it. rseq() gives -ENOSYS; ARCH_SET_GS and syscall user dispatch
 * -EINVAL. Pointers are not looked at: what they point to is the handler's to
 * check, and to copy where another thread could change it.
 *
 * A thread that ring 3 makes has a stack in ring 0 of its own (&dune_options
 * .stack_size), but the thread-local storage of the one that made it: its
 * handlers are not to use errno or malloc().
 *
 * A signal for a handler of ring 3 waits, and all others with it, until the
 * thread is there again; if it has left dune_run_user() for good it is lost.
 *
 * If a signal comes for ring 3 before the call, or instead of it, @frame is such
 * that ring 3 makes it again after its handler; then rax is to be left as it is.
 *
 * Return: the result, which is in rax too; -EINTR for one to be made again.
 */
long dune_forward(struct dune_frame *frame);

/**
 * dune_syscall() - make a system call from ring 0, or outside
 * @number: as in <sys/syscall.h>
 * @a: first argument
 * @b: second
 * @c: third
 * @d: fourth
 * @e: fifth
 * @f: sixth
 *
 * As syscall() of the C library, without errno, and anywhere. In Dune the CPU's
 * instruction for it is the hypercall of &struct dune_info, by way of SYSCALL:
 * number in rax, arguments in rdi, rsi, rdx, r10, r8 and r9, result in rax; rcx
 * and r11 are lost.
 *
 * Return: the result, or a negative errno.
 */
long dune_syscall(long number, long a, long b, long c, long d, long e, long f);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_USER_H */
