// SPDX-License-Identifier: GPL-2.0-only
/* Who else is on the stage: sockets, and a process that is to be left alone. */
#include "attack_stage.h"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/un.h>

#include "send_descriptor.h"

#define CANARY		0x5afe5afe5afe5afeUL

/* Whoever knocks here was where it may not be. */
static int forbidden[8];
static unsigned int forbidden_count;

static int listens(int family, int type, const void *address, socklen_t size)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, address, size) ||
	    (type == SOCK_STREAM && listen(fd, 128)))
		die("listen");
	return fd;
}

static int listens_at_port(int type, int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return listens(AF_INET, type, &address, sizeof(address));
}

static int listens_at_path(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, in_folder(name), sizeof(address.sun_path) - 1);
	return listens(AF_UNIX, SOCK_STREAM, &address, sizeof(address));
}

static int listens_abstract(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, ABSTRACT_NAME, sizeof(ABSTRACT_NAME) - 1);
	return listens(AF_UNIX, SOCK_STREAM, &address, sizeof(sa_family_t) +
		       sizeof(ABSTRACT_NAME) - 1);
}

/* A machine that has just started may be without. */
static void set_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!ioctl(fd, SIOCGIFFLAGS, &request) &&
	    !(request.ifr_flags & IFF_UP)) {
		request.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

void make_sockets(void)
{
	set_up_loopback();
	listens_at_port(SOCK_STREAM, ALLOWED_PORT);
	listens_at_port(SOCK_DGRAM, ALLOWED_PORT);
	forbidden[forbidden_count++] =
		listens_at_port(SOCK_STREAM, FORBIDDEN_PORT);
	forbidden[forbidden_count++] =
		listens_at_port(SOCK_DGRAM, FORBIDDEN_PORT);
	forbidden[forbidden_count++] = listens_abstract();
	forbidden[forbidden_count++] = listens_at_path("secret/socket");
}

/* What those outside count: signals that they got. */
static int *signals;
pid_t victim;

static void on_signal(int signal)
{
	__atomic_add_fetch(signals, 1, __ATOMIC_RELAXED);
}

static void on_last_signal(int signal)
{
	__atomic_add_fetch(&signals[1], 1, __ATOMIC_RELAXED);
}

static void count_signals(void)
{
	static const int numbers[] = {
		SIGUSR1, SIGUSR2, SIGIO, SIGURG, SIGTERM, SIGHUP, SIGINT,
		SIGCONT,
	};
	unsigned int i;

	for (i = 0; i < COUNT(numbers); i++)
		signal(numbers[i], on_signal);
	/* the highest number of these is taken last */
	signal(SIGWINCH, on_last_signal);
}

static void be_victim(int listener)
{
	int secret = open(in_folder("secret/file"), O_RDONLY | O_CLOEXEC);
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(listener, F_SETFL, 0);
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		send_descriptor(fd, secret);
		close(fd);
	}
}

int shared_id;

void make_victim(void)
{
	int listener = listens_at_path("writable/socket");
	uint64_t *memory = mmap((void *)VICTIM_MEMORY, PAGE,
				PROT_READ | PROT_WRITE, MAP_PRIVATE |
				MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	signals = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || signals == MAP_FAILED)
		die("memory");
	*memory = CANARY;
	shared_id = shmget(VICTIM_KEY, PAGE, IPC_CREAT | 0600);
	count_signals();
	victim = fork();
	if (victim < 0)
		die("fork");
	if (!victim)
		be_victim(listener);
	setpgid(victim, victim);
	close(listener);
}

static uint64_t memory_of_victim(void)
{
	uint64_t value = 0;
	struct iovec here = { &value, 8 }, there = { (void *)VICTIM_MEMORY, 8 };

	process_vm_readv(victim, &here, 1, &there, 1, 0);
	return value;
}

/* Until it has taken all signals that were sent before. */
static void wait_for_victim(void)
{
	const int before = __atomic_load_n(&signals[1], __ATOMIC_RELAXED);
	siginfo_t info = { .si_pid = 0 };
	int i;

	kill(victim, SIGWINCH);
	for (i = 0; i < 2000; i++) {
		waitid(P_PID, victim, &info,
		       WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
		if (info.si_pid ||
		    __atomic_load_n(&signals[1], __ATOMIC_RELAXED) != before)
			return;
		usleep(500);
	}
}

void check_victim(void)
{
	int status;

	wait_for_victim();
	if (waitpid(victim, &status, WNOHANG | WUNTRACED))
		harm = "a process";
	else if (*signals)
		harm = "a process by a signal";
	else if (memory_of_victim() != CANARY ||
		 *(uint64_t *)VICTIM_MEMORY != CANARY)
		harm = "memory of a process";
	else if (getpriority(PRIO_PROCESS, victim) ||
		 sched_getscheduler(victim) || getpgid(victim) != victim)
		harm = "the priority of a process";
}

void check_sockets(void)
{
	struct pollfd polled = { .events = POLLIN };
	unsigned int i;

	for (i = 0; i < forbidden_count; i++) {
		polled.fd = forbidden[i];
		if (poll(&polled, 1, 0) > 0)
			harm = "a socket";
	}
}
