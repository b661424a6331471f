// SPDX-License-Identifier: GPL-2.0-only
/* Arguments that another thread changes between the check and the use. */
#include "attack.h"

#include <netinet/in.h>

/* The two that it alternates between. */
static char path[PATH_MAX], good_path[PATH_MAX], bad_path[PATH_MAX];

static void flip_path(void)
{
	static bool bad;
	const char *now = (bad = !bad) ? bad_path : good_path;

	memcpy(path, now, strlen(now) + 1);
}

static void set_paths(const char *good, const char *bad)
{
	strcpy(good_path, at(good));
	strcpy(bad_path, at(bad));
	strcpy(path, good_path);
}

static int open_path(void)
{
	return opens(path, O_RDONLY);
}

ATTACK(race_path, OUTSIDE, "HELD EACCES ENOENT")
{
	set_paths("readable/file", "secret/file");
	return flip_while(flip_path, open_path, 3000);
}

static int open_path_to_write(void)
{
	return opens(path, O_WRONLY) == SUCCEEDED && path[0] ? HELD : -errno;
}

/* Whether it was the one that may not be written, the stage sees by its date. */
static int touch_path(void)
{
	return utimensat(AT_FDCWD, path, NULL, 0) ? -errno : HELD;
}

ATTACK(race_path_to_change, OUTSIDE, "HELD EACCES ENOENT")
{
	set_paths("writable/file", "readable/file");
	open_path_to_write();
	return flip_while(flip_path, touch_path, 2000);
}

static int execute_path(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execl(path, "program", "--escaped", NULL);
		_exit(errno == EACCES ? 0 : errno);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) == SUCCEEDED ? SUCCEEDED : HELD;
}

/* What may be executed here is none. */
ATTACK(race_program, OUTSIDE, "HELD")
{
	set_paths("programs/none", "secret/program");
	return flip_while(flip_path, execute_path, 50);
}

static struct sockaddr_in address;

static void flip_port(void)
{
	address.sin_port ^= htons(ALLOWED_PORT) ^ htons(FORBIDDEN_PORT);
}

static void set_address(void)
{
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(ALLOWED_PORT);
}

static int connect_flipping(void)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int result = HELD;

	if (fd < 0)
		return -errno;
	if (connect(fd, (void *)&address, sizeof(address)))
		result = -errno;
	else if (!getpeername(fd, (void *)&peer, &size) &&
		 peer.sin_port == htons(FORBIDDEN_PORT))
		result = SUCCEEDED;
	close(fd);
	return result;
}

/* EAGAIN, ETIMEDOUT: the stage accepts nothing, and what waits is limited. */
ATTACK(race_address, OUTSIDE, "HELD EACCES EPERM")
{
	set_address();
	return flip_while(flip_port, connect_flipping, 60);
}

/* For a datagram the stage sees where it went. */
static int send_flipping(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM, 0);
	return sendto(fd, "x", 1, MSG_DONTWAIT, (void *)&address,
		      sizeof(address)) < 0 ? -errno : HELD;
}

ATTACK(race_datagram, OUTSIDE, "HELD EACCES EPERM ECONNREFUSED EAGAIN")
{
	set_address();
	return flip_while(flip_port, send_flipping, 1000);
}

static struct iovec vector;
static char good_data[8] = { 1, 1, 1, 1, 1, 1, 1, 1 }, seen_data[8];
static struct msghdr message;

static void flip_vector(void)
{
	vector.iov_base = vector.iov_base == good_data ? (void *)target :
			  good_data;
}

/* Anything else that came through was the supervisor's. */
static int look_at_data(long sent, int fd)
{
	if (sent < 0)
		return -errno;
	if (read(fd, seen_data, 8) != 8)
		return HELD;
	return memcmp(seen_data, good_data, 8) ? SUCCEEDED : HELD;
}

static int ends[2];

static int write_vector(void)
{
	return look_at_data(writev(ends[1], &vector, 1), ends[0]);
}

static int send_message(void)
{
	return look_at_data(sendmsg(ends[1], &message, 0), ends[0]);
}

static int flip_vector_at_target(void)
{
	vector = (struct iovec){ good_data, 8 };
	if (pipe(ends))
		return -errno;
	return flip_while(flip_vector, write_vector, 1000);
}

static int flip_message_at_target(void)
{
	vector = (struct iovec){ good_data, 8 };
	message = (struct msghdr){ .msg_iov = &vector, .msg_iovlen = 1 };
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -errno;
	return flip_while(flip_vector, send_message, 1000);
}

static int in_first_targets(int (*function)(void))
{
	if (known.target_count > 3)
		known.target_count = 3;
	return at_each_target(function);
}

ATTACK(race_vector, OUTSIDE, "HELD EFAULT EPERM EACCES")
{
	return in_first_targets(flip_vector_at_target);
}

ATTACK(race_message, OUTSIDE, "HELD EFAULT EPERM EACCES")
{
	return in_first_targets(flip_message_at_target);
}

/* The vector itself is replaced by one that lies where it may not. */
static struct iovec good_vector;

static void flip_message(void)
{
	message.msg_iov = message.msg_iov == &good_vector ? &vector :
			  &good_vector;
}

static int flip_header_at_target(void)
{
	good_vector = (struct iovec){ good_data, 8 };
	vector = (struct iovec){ (void *)target, 8 };
	message = (struct msghdr){ .msg_iov = &good_vector, .msg_iovlen = 1 };
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -errno;
	return flip_while(flip_message, send_message, 1000);
}

ATTACK(race_header, OUTSIDE, "HELD EFAULT EPERM EACCES")
{
	return in_first_targets(flip_header_at_target);
}

/* What a descriptor stands for changes, too. */
static int changing_fd, good_fd, bad_fd;

static void flip_descriptor(void)
{
	static bool bad;

	dup2((bad = !bad) ? bad_fd : good_fd, changing_fd);
}

static int change_file(void)
{
	return fchmod(changing_fd, 0640) ? -errno : HELD;
}

/* One may be changed, the other one not: the stage looks at that. */
ATTACK(race_descriptor, OUTSIDE, "HELD EACCES EPERM")
{
	good_fd = open(at("writable/file"), O_RDWR);
	bad_fd = open(at("readable/file"), O_RDONLY);
	changing_fd = dup(good_fd);
	if (good_fd < 0 || bad_fd < 0 || changing_fd < 0)
		return -errno;
	return flip_while(flip_descriptor, change_file, 2000);
}

/* struct open_how: the flags are looked at, and then they are others. */
static struct { uint64_t flags, mode, resolve; } how;

static void flip_flags(void)
{
	how.flags ^= O_WRONLY;
}

static int open_with_how(void)
{
	long fd = syscall(SYS_openat2, AT_FDCWD, at("readable/file"), &how,
			  sizeof(how));
	int mode;

	if (fd < 0)
		return -errno;
	mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	close(fd);
	return mode == O_RDONLY ? HELD : SUCCEEDED;
}

ATTACK(race_open_how, OUTSIDE, "HELD EACCES EPERM ENOSYS")
{
	return flip_while(flip_flags, open_with_how, 2000);
}
