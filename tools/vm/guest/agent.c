// SPDX-License-Identifier: GPL-2.0-only
/*
 * agent - the first and only program that an emulated machine starts
 *
 * Sets the machine up, loads dune.ko, runs one command, and tells the outside
 * what happens: everything goes as frames through I/O port 0xe9, which both
 * emulators hand to the host at the cost of one instruction a byte (a serial
 * line costs thousands).
 *
 * A frame: "\xd7VM" and a type character, the payload's length (32 bits,
 * little endian), the payload. Types:
 *	o e	the command's standard output and error
 *	k	a record of the kernel log, as /dev/kmsg gives it
 *	n	a note: one line for the person outside
 *	f	part of a tar archive with what --out asked for
 *	x	the end: the command's exit status, in decimal
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAM_PORT	0xe9
#define QEMU_EXIT_PORT	0xf4
#define BOCHS_EXIT_PORT	0x8900

#define MACHINE_FAILED	125

static int kernel_log;

/* What the outside asked for, from /dune-vm/options. */
static struct {
	/* a disk to use as root, empty for none; "memory" for one whose files
	 * came with the archive
	 */
	char root[64];
	bool module;
	bool interactive;
	bool leak_check;
	char out[4096];		/* paths to bring back, space separated */
} options;

static void port_write(const void *data, size_t len)
{
	asm volatile("rep outsb" : "+S" (data), "+c" (len)
		     : "d" (STREAM_PORT) : "memory");
}

static void send(char type, const void *data, uint32_t len)
{
	unsigned char header[8] = { 0xd7, 'V', 'M', type };

	memcpy(header + 4, &len, sizeof(len));
	port_write(header, sizeof(header));
	port_write(data, len);
}

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send('n', text, len);
}

/* Puts something into the kernel log that makes the run a failure. */
static void complain(const char *what)
{
	char record[128];

	send('k', record, snprintf(record, sizeof(record),
				   "4,0,0,-;WARNING: dune-vm: %s", what));
}

/* Passes on what the kernel logged since the last call. */
static void send_kernel_log(void)
{
	char record[8192];
	ssize_t len;

	for (;;) {
		len = read(kernel_log, record, sizeof(record));
		if (len > 0)
			send('k', record, len);
		else if (len < 0 && errno == EPIPE)
			complain("records of the kernel log were lost");
		else if (len < 0 && errno != EINTR)
			break;
	}
}

static void power_off(int status)
{
	static const char bochs_word[] = "Shutdown";
	char text[16];
	size_t i;

	send_kernel_log();
	send('x', text, snprintf(text, sizeof(text), "%d", status));
	sync();
	outb(0, QEMU_EXIT_PORT);
	for (i = 0; i < sizeof(bochs_word) - 1; i++)
		outb(bochs_word[i], BOCHS_EXIT_PORT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

__attribute__((format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	note("%s: %s", text, strerror(errno));
	power_off(MACHINE_FAILED);
}

static void mount_kernel_files(const char *root)
{
	static const struct {
		const char *type, *dir;
	} mounts[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
		{ "devpts", "/dev/pts" }, { "tmpfs", "/dev/shm" },
		{ "tmpfs", "/tmp" }, { "tmpfs", "/run" },
		{ "debugfs", "/sys/kernel/debug" },
		{ "tracefs", "/sys/kernel/tracing" },
		{ "cgroup2", "/sys/fs/cgroup" },
	};
	static const struct {
		const char *target, *name;
	} links[] = {
		{ "/proc/self/fd", "/dev/fd" }, { "fd/0", "/dev/stdin" },
		{ "fd/1", "/dev/stdout" }, { "fd/2", "/dev/stderr" },
	};
	char dir[128];
	size_t i;

	/* Not every kernel has every one of them. */
	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		snprintf(dir, sizeof(dir), "%s%s", root, mounts[i].dir);
		mkdir(dir, 0755);
		mount(mounts[i].type, dir, mounts[i].type, 0, NULL);
	}
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(dir, sizeof(dir), "%s%s", root, links[i].name);
		if (symlink(links[i].target, dir) && errno != EEXIST)
			note("%s: %s", dir, strerror(errno));
	}
	snprintf(dir, sizeof(dir), "%s/tmp", root);
	chmod(dir, 01777);
	snprintf(dir, sizeof(dir), "%s/dev/shm", root);
	chmod(dir, 01777);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return MACHINE_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_quietly(char *const argv[])
{
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return wait_for(pid);
}

static int shell(const char *script)
{
	return run_quietly((char *[]){ "sh", "-c", (char *)script, NULL });
}

static void read_options(void)
{
	FILE *file = fopen("/dune-vm/options", "r");
	char line[4200];

	if (!file)
		fail("/dune-vm/options");
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(line, "root"))
			snprintf(options.root, sizeof(options.root), "%s", value);
		else if (!strcmp(line, "out"))
			snprintf(options.out, sizeof(options.out), "%s", value);
		else if (!strcmp(line, "module"))
			options.module = *value == '1';
		else if (!strcmp(line, "interactive"))
			options.interactive = *value == '1';
		else if (!strcmp(line, "leak_check"))
			options.leak_check = *value == '1';
	}
	fclose(file);
}

static void mount_disk(void)
{
	char device[80];
	int tries;

	shell("modprobe -qa ata_piix sd_mod virtio_pci virtio_blk ext4");
	snprintf(device, sizeof(device), "/dev/%s", options.root);
	for (tries = 0; access(device, F_OK) && tries < 100; tries++)
		usleep(100000);
	mkdir("/root.disk", 0755);
	if (mount(device, "/root.disk", "ext4", 0, NULL))
		fail("mounting %s", device);
}

/* Goes to a disk with a whole system, taking the project along. */
static void change_root(void)
{
	if (strcmp(options.root, "memory"))
		mount_disk();
	if (shell("cp -a /dune-vm/project/. /root.disk/ && "
		  "mkdir -p /root.disk/usr/lib/modules && "
		  "cp -a /lib/modules/. /root.disk/usr/lib/modules/"))
		fail("copying the project to the disk");
	mount_kernel_files("/root.disk");
	if (chroot("/root.disk") || chdir("/"))
		fail("chroot");
	shell("ldconfig");
}

static void load_module(void)
{
	int fd = open("/lib/dune/dune.ko", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("/lib/dune/dune.ko");
	if (syscall(SYS_finit_module, fd, "", 0))
		fail("loading dune.ko");
	close(fd);
}

static char **read_command(void)
{
	static char text[65536];
	static char *argv[1024];
	int fd = open("/dune-vm/command", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, text, sizeof(text) - 1);
	ssize_t at = 0;
	int argc = 0;

	close(fd);
	while (at < len && argc < 1023) {
		argv[argc++] = text + at;
		at += strlen(text + at) + 1;
	}
	return argv;
}

static pid_t start(char *const argv[], int out[2], int err[2])
{
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		sigset_t none;

		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	return pid;
}

/* Passes a pipe's contents on. Returns false once the pipe is closed. */
static bool forward(char type, int fd)
{
	static char data[65536];
	ssize_t len;

	while ((len = read(fd, data, sizeof(data))) > 0)
		send(type, data, len);
	return len < 0;
}

static int run(char *const argv[])
{
	struct pollfd fds[3];
	int out[2], err[2], child = -1, status = 0;
	pid_t pid = start(argv, out, err);

	fds[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = kernel_log, .events = POLLIN };
	while (child != pid) {
		/* the time limit is for noticing the end */
		poll(fds, 3, 50);
		if (!forward('o', out[0]))
			fds[0].fd = -1;
		if (!forward('e', err[0]))
			fds[1].fd = -1;
		send_kernel_log();
		/* orphans come to us too */
		while ((child = waitpid(-1, &status, WNOHANG)) > 0)
			if (child == pid)
				break;
	}
	forward('o', out[0]);
	forward('e', err[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_interactive(void)
{
	note("a shell on the console; leave it to end the machine");
	return shell("exec setsid -c sh -l </dev/ttyS0 >/dev/ttyS0 2>&1");
}

static void send_files(void)
{
	static char data[65536];
	char script[4200];
	ssize_t len;
	FILE *tar;

	snprintf(script, sizeof(script), "cd / && exec tar -cf - %s", options.out);
	tar = popen(script, "r");
	while (tar && (len = fread(data, 1, sizeof(data), tar)) > 0)
		send('f', data, len);
	if (!tar || pclose(tar))
		note("not everything of --out could be brought back");
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		note("%s: %s", path, strerror(errno));
	close(fd);
}

/* When all that used the module is gone, nothing is left that keeps it. */
static void unload_module(void)
{
	int tries;

	kill(-1, SIGKILL);
	for (tries = 0; tries < 100; tries++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!syscall(SYS_delete_module, "dune", O_NONBLOCK) ||
		    errno == ENOENT || errno == ENOSYS)
			return;
		usleep(50000);
	}
	complain("dune.ko is still in use when nobody uses it");
}

/* Whatever the module leaked has no owner once it is gone. */
static void check_leaks(void)
{
	static char data[65536];
	int fd, scan;
	ssize_t len;

	if (access("/sys/kernel/debug/kmemleak", W_OK))
		return;
	/* kmemleak leaves alone what is younger than five seconds */
	sleep(6);
	/* once is not enough: a pointer may just have moved */
	for (scan = 0; scan < 2; scan++)
		put("/sys/kernel/debug/kmemleak", "scan");
	fd = open("/sys/kernel/debug/kmemleak", O_RDONLY | O_CLOEXEC);
	while ((len = read(fd, data, sizeof(data))) > 0)
		send('k', data, len);
	close(fd);
}

int main(void)
{
	int status = 0;

	if (iopl(3))
		reboot(RB_POWER_OFF);
	/* the kernel gives the first process no descriptors without a console */
	mount_kernel_files("");
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 1);
	setenv("LANG", "C.UTF-8", 1);
	sethostname("dune", 4);
	read_options();
	shell("ip link set lo up 2>/dev/null || ifconfig lo up");

	char **command = read_command();

	if (*options.root)
		change_root();
	if (options.module)
		load_module();
	if (options.interactive)
		status = run_interactive();
	else
		status = run(command);
	if (*options.out)
		send_files();
	unload_module();
	if (options.leak_check)
		check_leaks();
	power_off(status);
}
