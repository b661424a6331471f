// SPDX-License-Identifier: GPL-2.0-only
/* The kernel as deputy: calls with addresses of the supervisor's. */
#include "attack.h"

#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>
#include <time.h>
#include <asm/prctl.h>

#define NONE	AT_FDCWD
#define PATH	"/"
#define IOV(address, size)	(&(struct iovec){ (void *)(address), (size) })

/* It writes there. */
DEPUTED(read, SYS_read, zeroes(), target, 8)
DEPUTED(pread, SYS_pread64, zeroes(), target, 8, 0)
DEPUTED(readv, SYS_readv, zeroes(), IOV(target, 8), 1)
DEPUTED(preadv, SYS_preadv, zeroes(), IOV(target, 8), 1, 0, 0)
DEPUTED(preadv2, SYS_preadv2, zeroes(), IOV(target, 8), 1, -1, -1, 0)
DEPUTED(getrandom, SYS_getrandom, target, 8, 0)
DEPUTED(getcwd, SYS_getcwd, target, 4096)
DEPUTED(uname, SYS_uname, target)
DEPUTED(clock_gettime, SYS_clock_gettime, CLOCK_MONOTONIC, target)
DEPUTED(clock_getres, SYS_clock_getres, CLOCK_MONOTONIC, target)
DEPUTED(gettimeofday, SYS_gettimeofday, target, NULL)
DEPUTED(time, SYS_time, target)
DEPUTED(times, SYS_times, target)
DEPUTED(getrusage, SYS_getrusage, RUSAGE_SELF, target)
DEPUTED(getrlimit, SYS_getrlimit, RLIMIT_STACK, target)
DEPUTED(prlimit, SYS_prlimit64, 0, RLIMIT_STACK, NULL, target)
DEPUTED(sysinfo, SYS_sysinfo, target)
DEPUTED(getcpu, SYS_getcpu, target, NULL, NULL)
DEPUTED(getitimer, SYS_getitimer, 0, target)
DEPUTED(getresuid, SYS_getresuid, target, target + 8, target + 16)
DEPUTED(stat, SYS_stat, PATH, target)
DEPUTED(fstat, SYS_fstat, zeroes(), target)
DEPUTED(newfstatat, SYS_newfstatat, NONE, PATH, target, 0)
DEPUTED(statx, SYS_statx, NONE, PATH, 0, 0xfff, target)
DEPUTED(statfs, SYS_statfs, PATH, target)
DEPUTED(readlink, SYS_readlink, "/proc/self/exe", target, 64)
DEPUTED(getdents, SYS_getdents64, open(at("readable"), O_RDONLY), target, 4096)
DEPUTED(pipe2, SYS_pipe2, target, 0)
DEPUTED(socketpair, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, target)
DEPUTED(poll, SYS_poll, target, 1, 0)
/* not all of the descriptors that it finds there are open */
ORACLES(select, EBADF, SYS_select, 8, target, NULL, NULL, &(struct timeval){ 0 })
DEPUTED(sigaction, SYS_rt_sigaction, SIGUSR1, NULL, target, 8)
DEPUTED(sigprocmask, SYS_rt_sigprocmask, SIG_BLOCK, NULL, target, 8)
DEPUTED(sigpending, SYS_rt_sigpending, target, 8)
DEPUTED(sigaltstack, SYS_sigaltstack, NULL, target)
DEPUTED(affinity, SYS_sched_getaffinity, 0, 128, target)
DEPUTED(sched_getparam, SYS_sched_getparam, 0, target)
DEPUTED(sched_getattr, SYS_sched_getattr, 0, target, 48, 0)
DEPUTED(robust_list_of, SYS_get_robust_list, 0, target, target + 8)
DEPUTED(prctl_name, SYS_prctl, PR_GET_NAME, target, 0, 0, 0)
DEPUTED(arch_prctl, SYS_arch_prctl, ARCH_GET_FS, target)
DEPUTED(ioctl_bytes, SYS_ioctl, pipe_ends()[0], FIONREAD, target)
DEPUTED(ioctl_window, SYS_ioctl, 2, TIOCGWINSZ, target)
DEPUTED(epoll, SYS_epoll_ctl, epoll_create1(0), EPOLL_CTL_ADD, pipe_ends()[0],
	target)
DEPUTED(timer_create, SYS_timer_create, CLOCK_MONOTONIC, NULL, target)
DEPUTED(timerfd, SYS_timerfd_gettime, timerfd_create(CLOCK_MONOTONIC, 0), target)
ORACLES(io_setup, EINVAL, SYS_io_setup, 1, target)
DEPUTED(capget, SYS_capget, target, NULL)
DEPUTED(process_readv, SYS_process_vm_readv, getpid(), IOV(target, 8), 1,
	IOV(own_page, 8), 1, 0)
DEPUTED(process_readv_from, SYS_process_vm_readv, getpid(), IOV(own_page, 8), 1,
	IOV(target, 8), 1, 0)
DEPUTED(process_writev_to, SYS_process_vm_writev, getpid(), IOV(own_page, 8), 1,
	IOV(target, 8), 1, 0)
DEPUTED(futex_wake_op, SYS_futex, own_page, FUTEX_WAKE_OP, 0, 0, target,
	FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0))
DEPUTED(futex_requeue, SYS_futex, own_page, FUTEX_CMP_REQUEUE, 0, 0, target, 0)

/* It reads there. */
DEPUTED(write, SYS_write, zeroes(), target, 8)
DEPUTED(pwrite, SYS_pwrite64, zeroes(), target, 8, 0)
/* what is discarded need not be looked at, but this is handed on */
DEPUTED(write_pipe, SYS_write, pipe_ends()[1], target, 8)
DEPUTED(writev, SYS_writev, pipe_ends()[1], IOV(target, 8), 1)
DEPUTED(vmsplice, SYS_vmsplice, pipe_ends()[1], IOV(target, 8), 1, 0)
DEPUTED(iovec_there, SYS_writev, zeroes(), target, 0)
DEPUTED(process_writev, SYS_process_vm_writev, getpid(), IOV(target, 8), 1,
	IOV(own_page, 8), 1, 0)
DEPUTED(memfd_name, SYS_memfd_create, target, 0)
DEPUTED(set_name, SYS_prctl, PR_SET_NAME, target, 0, 0, 0)
DEPUTED(set_sigprocmask, SYS_rt_sigprocmask, SIG_BLOCK, target, NULL, 8)
DEPUTED(robust_list, SYS_set_robust_list, target, 24)
/* a name there is none of, or a value that it has not */
ORACLES(path, ENOENT, SYS_open, target, O_RDONLY)
ORACLES(path_at, ENOENT, SYS_openat, NONE, target, O_RDONLY, 0)
ORACLES(path_of_program, ENOENT, SYS_execve, target, NULL, NULL)
ORACLES(bind_address, EINVAL, SYS_bind, socket(AF_UNIX, SOCK_STREAM, 0),
	target, 16)
ORACLES(futex, EAGAIN, SYS_futex, target, FUTEX_WAIT_PRIVATE, 0xdeadbeef,
	&(struct timespec){ 0 }, NULL, 0)
ORACLES(futex_shared, EAGAIN, SYS_futex, target, FUTEX_WAIT, 0xdeadbeef,
	&(struct timespec){ 0 }, NULL, 0)
/* one of several; the vector has value, address, flags and nothing */
ORACLES(futex_waitv, EAGAIN, SYS_futex_waitv,
	((uint64_t[]){ 0xdeadbeef, target, 2 }), 1, 0,
	&(struct timespec){ 0 }, CLOCK_MONOTONIC)

static int wait_status(void)
{
	pid_t pid = fork();
	long result;

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(0);
	result = result_of(syscall(SYS_wait4, pid, target, 0, NULL));
	return result;
}

ON_MEMORY(wait_status, "EFAULT EPERM", wait_status)

static int socket_pair(int *ends)
{
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
		return -errno;
	return write(ends[1], "message", 8) == 8 ? 0 : -errno;
}

static int receive(struct msghdr *message)
{
	int ends[2], err = socket_pair(ends);

	return err ?: result_of(syscall(SYS_recvmsg, ends[0], message, 0));
}

static int receive_data(void)
{
	return receive(&(struct msghdr){
		.msg_iov = IOV(target, 8), .msg_iovlen = 1 });
}

static int receive_name(void)
{
	int ends[2], err = socket_pair(ends);

	return err ?: result_of(syscall(SYS_recvfrom, ends[0], own_page, 8, 0,
					own_page, target));
}

/* The vector of buffers is where the supervisor is. */
static int receive_vector(void)
{
	return receive(&(struct msghdr){
		.msg_iov = (void *)target, .msg_iovlen = 0 });
}

static int send_data(void)
{
	int ends[2], err = socket_pair(ends);
	struct msghdr message = { .msg_iov = IOV(target, 8), .msg_iovlen = 1 };

	return err ?: result_of(syscall(SYS_sendmsg, ends[0], &message, 0));
}

static int send_to(void)
{
	int ends[2], err = socket_pair(ends);

	return err ?: result_of(syscall(SYS_sendto, ends[0], target, 8, 0,
					NULL, 0));
}

static int socket_option(void)
{
	int ends[2], err = socket_pair(ends);

	*(int *)own_page = 4;
	return err ?: result_of(syscall(SYS_getsockopt, ends[0], SOL_SOCKET,
					SO_TYPE, target, own_page));
}

static int socket_name(void)
{
	int ends[2], err = socket_pair(ends);

	*(int *)own_page = 16;
	return err ?: result_of(syscall(SYS_getsockname, ends[0], target,
					own_page));
}

#define FAULTS	"EFAULT EPERM EACCES"

ON_MEMORY(recvmsg_data, FAULTS, receive_data)
ON_MEMORY(recvmsg_vector, FAULTS, receive_vector)
ON_MEMORY(recvfrom_size, FAULTS, receive_name)
ON_MEMORY(sendmsg_data, FAULTS, send_data)
ON_MEMORY(sendto_data, FAULTS, send_to)
ON_MEMORY(getsockopt, FAULTS, socket_option)
ON_MEMORY(getsockname, FAULTS, socket_name)

/* The offset is in memory, and written back. */
static int splice_offset(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	if (fd < 0)
		return -errno;
	if (sendfile(pipe_ends()[1], fd, (off_t *)target, 1) < 0)
		return errno == EOVERFLOW ? SUCCEEDED : -errno;
	return SUCCEEDED;
}

ON_MEMORY(sendfile_offset, FAULTS " ENOSYS EINVAL", splice_offset)

/* It begins in memory of ours. The page below need not be free. */
static int read_across(void)
{
	long count;

	mmap((void *)(target - PAGE), PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	count = syscall(SYS_read, zeroes(), target - 8, 16);
	if (count < 0)
		return -errno;
	return count > 8 ? SUCCEEDED : HELD;
}

ON_MEMORY(read_across, FAULTS " HELD", read_across)

static int read_huge(void)
{
	long count = syscall(SYS_readv, zeroes(), IOV(target + 8, -8L), 1);

	return count < 0 ? -errno : SUCCEEDED;
}

/* the kernel knows it, too: no size ends in front of where it begins */
ATTACK(read_around, NOWHERE, FAULTS " EINVAL")
{
	return at_each_target(read_huge);
}

/* Threads: what the kernel writes when one begins or ends. */
static long clone_in_memory(unsigned long flags, long parent, long child)
{
	static char stack[16384] __attribute__((aligned(16)));
	long result = SYS_clone;

	asm volatile("mov %4, %%r10; xor %%r8d, %%r8d; syscall; test %%rax, %%rax; jnz 1f\n\t"
		     "xor %%edi, %%edi; mov %5, %%eax; syscall; 1:"
		     : "+a" (result)
		     : "D" (flags), "S" (stack + sizeof(stack) - 64),
		       "d" (parent), "r" (child), "i" (SYS_exit)
		     : "rcx", "r8", "r10", "r11", "memory", "cc");
	if (result > 0)
		waitpid(result, NULL, __WALL);
	else
		errno = -result;
	return result < 0 ? -1 : result;
}

static int clear_child(void)
{
	return result_of(clone_in_memory(CLONE_VM | CLONE_CHILD_CLEARTID |
					 SIGCHLD, 0, target));
}

static int set_child(void)
{
	return result_of(clone_in_memory(CLONE_VM | CLONE_CHILD_SETTID |
					 SIGCHLD, 0, target));
}

static int set_parent(void)
{
	return result_of(clone_in_memory(CLONE_VM | CLONE_PARENT_SETTID |
					 SIGCHLD, target, 0));
}

static int process_descriptor(void)
{
	return result_of(clone_in_memory(CLONE_VM | CLONE_PIDFD | SIGCHLD,
					 target, 0));
}

ON_MEMORY(clone_cleartid, FAULTS " EINVAL", clear_child)
ON_MEMORY(clone_settid, FAULTS " EINVAL", set_child)
ON_MEMORY(clone_parent_settid, FAULTS " EINVAL", set_parent)
ON_MEMORY(clone_pidfd, FAULTS " EINVAL", process_descriptor)

static void *set_and_end(void *unused)
{
	syscall(SYS_set_tid_address, target);
	/* no pthread_exit(): the C library would wait for another word */
	syscall(SYS_exit, 0);
	return NULL;
}

/* The call cannot fail. The word is cleared, and it can be seen. */
static int clear_on_exit(void)
{
	pthread_t thread;
	int i;

	if (pthread_create(&thread, NULL, set_and_end, NULL))
		return -EAGAIN;
	for (i = 0; i < 200; i++) {
		if (!__atomic_load_n((int *)target, __ATOMIC_RELAXED))
			return SUCCEEDED;
		usleep(1000);
	}
	return HELD;
}

ON_MEMORY(set_tid_address, "SIGSEGV EFAULT EPERM HELD", clear_on_exit)

static int register_sequence(void)
{
	char *at = (char *)__builtin_thread_pointer() + __rseq_offset;

	syscall(SYS_rseq, at, 32, 1, 0x53053053);
	return result_of(syscall(SYS_rseq, target, 32, 0, 0x53053053));
}

static int sequence_in_child(void)
{
	return in_child(register_sequence);
}

ON_MEMORY(rseq, FAULTS " ENOSYS EINVAL", sequence_in_child)

/* Requests that are done later, by someone else. */
static int submit_aio(void)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = zeroes(),
		.aio_buf = target, .aio_nbytes = 8,
	}, *requests[] = { &request };
	struct io_event event = { 0 };
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 1, &context) ||
	    syscall(SYS_io_submit, context, 1, requests) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -errno;
	return event.res == 8 ? SUCCEEDED : (int)event.res;
}

ON_MEMORY(aio, FAULTS " ENOSYS EINVAL", submit_aio)

static uint32_t ring_options[30];

REFUSED(io_uring, "ENOSYS EPERM", SYS_io_uring_setup, 4, ring_options)
REFUSED(userfaultfd, "ENOSYS EPERM", SYS_userfaultfd, O_CLOEXEC)

/* Arguments of a program come from anywhere. It runs if they are there. */
static int execute(void)
{
	char *const argv[] = { "program", (char *)target, NULL };
	int result;

	execv(at("programs/program"), argv);
	result = -errno;
	return result;
}

static int execute_in_child(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(-execute());
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	/* its own, about a name there is none of: 2, as ENOENT never is here */
	return WEXITSTATUS(status) == 2 ? SUCCEEDED : -WEXITSTATUS(status);
}

ON_MEMORY(argument_of_program, "EFAULT EPERM EACCES E2BIG", execute_in_child)

/* The frame of a signal is written to where the stack is, or said to be. */
static void on_user_signal(int signal)
{
	_exit(SUCCEEDED);
}

static int signal_with_stack_pointer(void)
{
	signal(SIGUSR1, on_user_signal);
	signal(SIGSEGV, SIG_DFL);
	asm volatile("mov %%rsp, %%rbx; lea 0x3e00(%%rdx), %%rsp; syscall;"
		     "mov %%rbx, %%rsp"
		     :: "a" (SYS_kill), "D" (getpid()), "S" (SIGUSR1),
			"d" (target) : "rbx", "rcx", "r11", "memory");
	return HELD;
}

static int alternative_stack(void)
{
	const stack_t there = { .ss_sp = (void *)target, .ss_size = 0x4000 };
	const struct sigaction action = {
		.sa_handler = on_user_signal, .sa_flags = SA_ONSTACK,
	};

	sigaction(SIGUSR1, &action, NULL);
	if (sigaltstack(&there, NULL))
		return -errno;
	return raise(SIGUSR1) ? -errno : HELD;
}

static int child_with_stack_pointer(void)
{
	return in_child(signal_with_stack_pointer);
}

static int child_with_stack(void)
{
	return in_child(alternative_stack);
}

ON_MEMORY(signal_frame, "SIGSEGV", child_with_stack_pointer)
ON_MEMORY(signal_stack, "SIGSEGV EFAULT EPERM EINVAL", child_with_stack)
