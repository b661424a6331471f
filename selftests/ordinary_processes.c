// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads and processes as any program makes them. It knows nothing of Dune,
 * and passes outside as well as within: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ordinary.h"

extern char **environ;

static unsigned int ring(void)
{
	unsigned int cs;

	asm("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

static unsigned int first_ring;
static __thread int of_the_thread = 7;

FIXTURE(process) {
};

FIXTURE_SETUP(process)
{
	first_ring = ring();
}

FIXTURE_TEARDOWN(process)
{
}

static void *in_same_ring(void *arg)
{
	int fine = ring() == first_ring && of_the_thread == 7 && errno == 0;

	of_the_thread = 8;
	errno = EINVAL;
	return fine ? arg : NULL;
}

TEST_F_TIMEOUT(process, threads_come_and_go, 300)
{
	pthread_t thread;
	void *result;
	int i;

	errno = EAGAIN;
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, in_same_ring, self));
		ASSERT_EQ(0, pthread_join(thread, &result));
		ASSERT_EQ(self, result);
	}
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(7, of_the_thread);
}

#define THREADS	64

static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *arg)
{
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return in_same_ring(arg);
}

TEST_F(process, many_threads_at_once)
{
	pthread_t threads[THREADS];
	void *result;
	int i;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, count, self));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(self, result);
	}
	EXPECT_EQ(100 * THREADS, counter);
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

TEST_F(process, threads_can_be_cancelled)
{
	pthread_t thread;
	void *result;

	ASSERT_EQ(0, pthread_create(&thread, NULL, sleep_for_ever, NULL));
	ASSERT_EQ(0, pthread_cancel(thread));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(PTHREAD_CANCELED, result);
}

static sem_t done;

static void *post(void *arg)
{
	sem_post(&done);
	return NULL;
}

TEST_F(process, threads_can_be_detached)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int i;

	sem_init(&done, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, pthread_create(&thread, &attributes, post, NULL));
	for (i = 0; i < 50; i++)
		sem_wait(&done);
}

static pthread_mutex_t robust;

static void *die_with_lock(void *arg)
{
	pthread_mutex_lock(&robust);
	return NULL;
}

TEST_F(process, robust_mutexes_tell_of_the_dead)
{
	pthread_mutexattr_t attributes;
	pthread_t thread;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	ASSERT_EQ(0, pthread_create(&thread, NULL, die_with_lock, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(EOWNERDEAD, pthread_mutex_lock(&robust));
}

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

TEST_F_TIMEOUT(process, children_go_on_in_the_same_ring, 600)
{
	int i, shared = 1;
	pid_t pid;

	for (i = 0; i < 1000; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			shared = 2;
			_exit(ring() == first_ring ? i % 99 : 99);
		}
		EXPECT_EQ(i % 99 << 8, status_of(pid));
		EXPECT_EQ(1, shared);
	}
}

/* Stopped, they wait; nothing of what a child needs may fail for that. */
TEST_F_TIMEOUT(process, children_may_be_stopped_at_birth, 300)
{
	pid_t pid;
	int i;

	for (i = 0; i < 300; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(7);
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
		EXPECT_EQ(7 << 8, status_of(pid));
	}
}

/* Each makes one of its own, and passes its status on. */
static int descend(int depth)
{
	pid_t pid;

	if (!depth)
		return 33;
	pid = fork();
	if (pid < 0)
		return 98;
	if (!pid)
		_exit(descend(depth - 1));
	return WEXITSTATUS(status_of(pid));
}

TEST_F(process, children_have_children)
{
	EXPECT_EQ(33, descend(20));
}

static void *keep_busy(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED))
		free(malloc(1000));
	return NULL;
}

TEST_F(process, a_process_with_threads_may_fork)
{
	pthread_t threads[3];
	int i, end = 0;
	pid_t pid;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, keep_busy, &end));
	for (i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			pthread_t thread;
			void *result = NULL;

			errno = 0;
			free(malloc(5000));
			of_the_thread = 7;
			pthread_create(&thread, NULL, in_same_ring, self);
			pthread_join(thread, &result);
			_exit(result == self ? 5 : 6);
		}
		EXPECT_EQ(5 << 8, status_of(pid));
	}
	__atomic_store_n(&end, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

int shared;

TEST_F(process, vfork_shares_the_memory)
{
	pid_t pid;

	pid = vfork();
	if (!pid) {
		shared = 5;
		_exit(3);
	}
	EXPECT_EQ(5, shared);
	EXPECT_EQ(3 << 8, status_of(pid));
}

TEST_F(process, programs_are_spawned)
{
	char *argv[4] = { "sh", "-c", "exit 12", NULL };
	pid_t pid;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, posix_spawn(&pid, "/bin/sh", NULL, NULL, argv,
					 environ));
		EXPECT_EQ(12 << 8, status_of(pid));
	}
	EXPECT_EQ(13 << 8, system("exit 13"));
	EXPECT_EQ(ENOENT, posix_spawn(&pid, "/no/such/program", NULL, NULL,
				      argv, environ));
}

/* Not static: raise() is said to call nothing of this file. */
int handled;

static void on_signal(int signal)
{
	handled = 1;
}

TEST_F(process, handlers_survive_a_spawn)
{
	signal(SIGUSR1, on_signal);
	signal(SIGINT, on_signal);
	EXPECT_EQ(0, system("true"));
	raise(SIGUSR1);
	EXPECT_EQ(1, handled);
	handled = 0;
	raise(SIGINT);
	EXPECT_EQ(1, handled);
}

static void fork_in_handler(int signal)
{
	pid_t pid = fork();

	if (!pid)
		_exit(4);
	handled = status_of(pid);
}

TEST_F(process, a_handler_may_fork)
{
	signal(SIGUSR1, fork_in_handler);
	raise(SIGUSR1);
	EXPECT_EQ(4 << 8, handled);
}

TEST_F(process, exec_in_all_forms)
{
	char *argv[2] = { "true", NULL };
	pid_t pid = fork();
	int fd;

	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 21", NULL);
		_exit(99);
	}
	EXPECT_EQ(21 << 8, status_of(pid));
	pid = fork();
	if (!pid) {
		fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
		fexecve(fd, argv, environ);
		_exit(99);
	}
	EXPECT_EQ(0, status_of(pid));
	pid = fork();
	if (!pid) {
		execl("/no/such/program", "none", NULL);
		/* it is still what it was */
		_exit(errno == ENOENT && ring() == first_ring ? 22 : 99);
	}
	EXPECT_EQ(22 << 8, status_of(pid));
}

static const char script[] = "#!/bin/sh -e\nexit $((20 + $#))\n";

TEST_F(process, scripts_are_programs)
{
	char directory[] = "/tmp/scriptXXXXXX", path[64];
	char *argv[4] = { "script", "one", "two", NULL };
	pid_t pid;
	int fd;

	ASSERT_TRUE(!!mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/script", directory);
	fd = open(path, O_WRONLY | O_CREAT, 0700);
	ASSERT_EQ((ssize_t)strlen(script), write(fd, script, strlen(script)));
	close(fd);
	pid = fork();
	if (!pid) {
		execve(path, argv, environ);
		_exit(99);
	}
	EXPECT_EQ(22 << 8, status_of(pid));
	/* its interpreter reads it by a name that leads nowhere then */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(-1, syscall(SYS_execveat, fd, "", argv, environ,
			      AT_EMPTY_PATH));
	EXPECT_EQ(ENOENT, errno);
	close(fd);
	EXPECT_EQ(0, chmod(path, 0600));
	EXPECT_EQ(-1, execve(path, argv, environ));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(first_ring, ring());
	unlink(path);
	rmdir(directory);
}

TEST_F(process, exec_of_what_is_open)
{
	char *argv[4] = { "sh", "-c", "exit 24", NULL };
	int file = open("/bin/sh", O_PATH | O_CLOEXEC);
	int directory = open("/bin", O_RDONLY | O_DIRECTORY);
	pid_t pid;

	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH);
		_exit(99);
	}
	EXPECT_EQ(24 << 8, status_of(pid));
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, directory, "sh", argv, environ, 0);
		_exit(99);
	}
	EXPECT_EQ(24 << 8, status_of(pid));
	EXPECT_EQ(-1, syscall(SYS_execveat, file, "", argv, environ, 0));
	EXPECT_EQ(ENOENT, errno);
	close(file);
	close(directory);
}

TEST_F(process, clone3_gives_a_descriptor)
{
	int pidfd = -1;
	pid_t told = 0;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
		.pidfd = (uintptr_t)&pidfd,
		.parent_tid = (uintptr_t)&told,
		.exit_signal = SIGCHLD,
	};
	struct pollfd polled = { .events = POLLIN };
	pid_t pid;

	signal(SIGCHLD, on_signal);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		_exit(ring() == first_ring ? 25 : 99);
	ASSERT_LT(0, pid);
	EXPECT_EQ(pid, told);
	ASSERT_LE(0, pidfd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(pidfd, F_GETFD));
	polled.fd = pidfd;
	while (poll(&polled, 1, -1) < 0)
		EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(POLLIN, polled.revents);
	EXPECT_EQ(25 << 8, status_of(pid));
	EXPECT_EQ(1, handled);
	close(pidfd);
}

static void *return_arg(void *arg)
{
	return arg;
}

/* Neither a child nor a thread needs a descriptor of the program's. */
TEST_F(process, children_come_without_free_descriptors)
{
	struct rlimit limit;
	pthread_t thread;
	void *result;
	int last, fd;
	pid_t pid;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 64;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	do {
		last = dup(0);
	} while (last >= 0);
	ASSERT_EQ(EMFILE, errno);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		fd = dup(0);
		_exit(fd < 0 && errno == EMFILE && ring() == first_ring ?
		      0 : 99);
	}
	EXPECT_EQ(0, status_of(pid));
	pid = vfork();
	if (!pid)
		_exit(26);
	EXPECT_EQ(26 << 8, status_of(pid));
	ASSERT_EQ(0, pthread_create(&thread, NULL, return_arg, self));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(self, result);
}

static void *exec_from_thread(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit 23", NULL);
	_exit(99);
}

TEST_F(process, exec_from_another_thread)
{
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		pthread_create(&thread, NULL, exec_from_thread, NULL);
		for (;;)
			pause();
	}
	EXPECT_EQ(23 << 8, status_of(pid));
}

static void *crash(void *arg)
{
	asm volatile("movl $1, 8");
	return NULL;
}

static void *leave(void *arg)
{
	exit(17);
}

TEST_F(process, a_thread_ends_all)
{
	pthread_t thread;
	pid_t pid = fork();
	int status;

	if (!pid) {
		pthread_create(&thread, NULL, crash, NULL);
		sleep_for_ever(NULL);
	}
	status = status_of(pid);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	pid = fork();
	if (!pid) {
		pthread_create(&thread, NULL, leave, NULL);
		sleep_for_ever(NULL);
	}
	EXPECT_EQ(17 << 8, status_of(pid));
}

static void *exit_late(void *arg)
{
	usleep(20000);
	_exit(18);
}

TEST_F(process, the_first_thread_may_leave_first)
{
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		pthread_create(&thread, NULL, exit_late, NULL);
		pthread_exit(NULL);
	}
	EXPECT_EQ(18 << 8, status_of(pid));
}

TEST_F(process, descriptors_are_the_programs_own)
{
	int fd = open("/dev/null", O_RDONLY);
	struct rlimit limit;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	/* nobody took the lowest number */
	EXPECT_GT(10, fd);
	close(fd);
	if (syscall(SYS_close_range, 3, ~0U, 0))
		ASSERT_EQ(ENOSYS, errno);
	for (fd = 3; fd < 2000; fd++) {
		EXPECT_EQ(-1, close(fd));
		EXPECT_EQ(EBADF, errno);
		/* within the limit there is none, where one can be beyond */
		if (fd < (int)limit.rlim_cur && limit.rlim_cur < limit.rlim_max)
			EXPECT_EQ(-1, fcntl(fd, F_GETFD));
	}
	fd = open("/dev/null", O_RDONLY);
	EXPECT_EQ(3, fd);
	EXPECT_EQ(first_ring, ring());
	EXPECT_EQ(0, system("true"));
}

TEST_F(process, sched_getcpu_is_right)
{
	cpu_set_t set;
	int cpu, i;

	for (i = 0; i < 20; i++) {
		for (cpu = 0; cpu < 2 && cpu < get_nprocs(); cpu++) {
			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
			EXPECT_EQ(cpu, sched_getcpu());
		}
	}
}

TEST_F(process, all_tell_the_same_cpu)
{
	unsigned int cpu, node, raw_cpu, raw_node;
	cpu_set_t all, set;
	int i;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		ASSERT_EQ(0, getcpu(&cpu, &node));
		ASSERT_EQ(0, syscall(SYS_getcpu, &raw_cpu, &raw_node, NULL));
		EXPECT_EQ(i, (int)cpu);
		EXPECT_EQ(i, (int)raw_cpu);
		EXPECT_EQ(raw_node, node);
	}
}

/* A restartable sequence that ends only if the kernel makes it. */
static void wait_in_sequence(struct rseq *area)
{
	asm volatile(".pushsection .data\n\t"
		".balign 32\n"
		"3:\t.long 0, 0\n\t"
		".quad 1f, 2f - 1f, 4f\n\t"
		".popsection\n\t"
		"lea 3b(%%rip), %%rax\n\t"
		"mov %%rax, %0\n"
		"1:\tpause\n\t"
		"jmp 1b\n"
		"2:\tud2\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t"
		".long 0x53053053\n"
		"4:" : "=m" (area->rseq_cs) : : "rax", "memory", "cc");
}

TEST_F(process, restartable_sequences_are_aborted)
{
	struct itimerval timer = {
		.it_value.tv_usec = 2000, .it_interval.tv_usec = 2000,
	};
	struct rseq *area;
	int i;

	if (!__rseq_size)
		SKIP(return, "the C library does not use rseq");
	area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (i = 0; i < 20; i++) {
		wait_in_sequence(area);
		EXPECT_EQ(0, (uint64_t)area->rseq_cs);
	}
}

/* Another process that wants the same CPU. */
static pid_t compete(void)
{
	cpu_set_t set;
	pid_t pid;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -1;
	pid = fork();
	if (!pid)
		for (;;)
			asm volatile("pause");
	return pid;
}

TEST_F(process, restartable_sequences_are_aborted_by_others)
{
	struct rseq *area;
	pid_t pid;
	int i;

	if (!__rseq_size)
		SKIP(return, "the C library does not use rseq");
	area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	pid = compete();
	ASSERT_LT(0, pid);
	for (i = 0; i < 5; i++)
		wait_in_sequence(area);
	kill(pid, SIGKILL);
	EXPECT_EQ(SIGKILL, status_of(pid));
}

/* How many signals are blocked in the caller that should not, or not. */
static int wrong_in_mask(void)
{
	sigset_t now;
	int wrong = 0;

	/* not the C library's: it would set the mask first */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8);
	wrong += !sigismember(&now, SIGUSR1);
	wrong += sigismember(&now, SIGUSR2);
	wrong += !sigismember(&now, SIGRTMAX);
	return wrong;
}

TEST_F(process, children_begin_with_the_mask)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, &set, NULL));
	pid = fork();
	if (!pid)
		_exit(wrong_in_mask());
	EXPECT_EQ(0, status_of(pid));
	pid = vfork();
	if (!pid)
		_exit(wrong_in_mask());
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, wrong_in_mask());
}

TEST_F(process, large_memory_comes_and_goes)
{
	const size_t size = 64UL << 20;
	char *memory;
	int i;

	for (i = 0; i < 5; i++) {
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, memory);
		memset(memory, i + 1, 4 << 20);
		EXPECT_EQ(i + 1, memory[(4 << 20) - 1]);
		EXPECT_EQ(0, memory[(4 << 20)]);
		munmap(memory, size);
	}
}

static unsigned int descriptors(void)
{
	unsigned int count = 0;
	DIR *folder = opendir("/proc/self/fd");

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static int set_to_one(void *flag)
{
	*(int *)flag = 1;
	return 0;
}

/* As vfork() has it, but both go on; each has descriptors of its own. */
TEST_F(process, child_in_the_same_memory)
{
	static char stack[16384] __attribute__((aligned(16)));
	unsigned int before = descriptors();
	int flag, i;
	pid_t pid;

	for (i = 0; i < 20; i++) {
		flag = 0;
		pid = clone(set_to_one, stack + sizeof(stack),
			    CLONE_VM | SIGCHLD, &flag);
		ASSERT_LT(0, pid);
		EXPECT_EQ(0, status_of(pid));
		EXPECT_EQ(1, flag);
	}
	EXPECT_EQ(before, descriptors());
}

static int heard;

static void hear(int signal)
{
	__atomic_store_n(&heard, signal, __ATOMIC_RELAXED);
}

/* A process as any other from there on, with its registers and its signals. */
static int after_a_breakpoint(void)
{
	uint64_t before = 0x123456789, after = 0;
	sigset_t mask, blocked;

	signal(SIGUSR1, hear);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	asm volatile("movq %1, %%xmm7\n\tint3\n\tmovq %%xmm7, %0"
		     : "=r" (after) : "r" (before) : "xmm7");
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	if (after != before)
		return 1;
	if (__atomic_load_n(&heard, __ATOMIC_RELAXED) != SIGUSR1)
		return 2;
	return memcmp(&mask, &blocked, 8) ? 3 : 0;
}

TEST_F(process, goes_on_at_a_breakpoint)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		_exit(after_a_breakpoint());
	}
	status = status_of(pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, 0));
	status = status_of(pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGUSR1, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, SIGUSR1));
	EXPECT_EQ(0, status_of(pid));
}

#define TOUCHING	4
#define GIBIBYTE	(1UL << 30)

static char *touched;

static void *touch_together(void *arg)
{
	pthread_barrier_wait(&barrier);
	touched[(long)arg * 64] = 1;
	return NULL;
}

/* What none of them has seen before appears for all at the same moment. */
TEST_F(process, threads_touch_new_memory_at_once)
{
	pthread_t threads[TOUCHING];
	char *place = (char *)(1UL << 40);
	long i, j;

	pthread_barrier_init(&barrier, NULL, TOUCHING);
	for (i = 0; i < 100; i++) {
		touched = mmap(place + i * GIBIBYTE, 4096,
			       PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, touched);
		for (j = 0; j < TOUCHING; j++)
			pthread_create(&threads[j], NULL, touch_together,
				       (void *)j);
		for (j = 0; j < TOUCHING; j++)
			pthread_join(threads[j], NULL);
		for (j = 0; j < TOUCHING; j++)
			ASSERT_EQ(1, touched[j * 64]);
	}
}

TEST_HARNESS_MAIN
