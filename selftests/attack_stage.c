// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world around one attack: files, a process and sockets that it is to leave
 * alone. Tells what came of it on the last line, for sandbox_attacks_test.sh:
 * escaped, harmed, refused, untried, or something else.
 *
 * It knows what a debugger would, and tells the attacker: where the memory and
 * the descriptors of the supervisor are.
 */
#include "attack.h"

#include <dirent.h>
#include <elf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))
#define CANARY		0x5afe5afe5afe5afeUL
#define SECONDS		120

static const char *folder, *harm;

static void die(const char *what)
{
	printf("# %s: %s\nno stage\n", what, strerror(errno));
	exit(1);
}

static const char *in_folder(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *data, size_t size, int mode)
{
	int fd = open(in_folder(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode))
		die(name);
	close(fd);
}

static void write_script(const char *name, const char *interpreter)
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "#!%s\n", in_folder(interpreter));
	write_file(name, text, strlen(text), 0755);
}

/**
 * struct image - a file that is in memory
 * @data: it, and some room behind it
 * @size: of the file
 */
struct image {
	char *data;
	size_t size;
};

static struct image read_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image image;
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat))
		die(path);
	image.size = stat.st_size;
	image.data = calloc(1, image.size + PATH_MAX);
	if (read(fd, image.data, image.size) != stat.st_size)
		die(path);
	close(fd);
	return image;
}

/* The same program with another dynamic loader, whose name is at its end. */
static void write_loaded(const char *name, struct image image, const char *loader)
{
	Elf64_Ehdr *header = (void *)image.data;
	Elf64_Phdr *segment = (void *)(image.data + header->e_phoff);
	unsigned int i;

	for (i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type != PT_INTERP)
			continue;
		segment[i].p_offset = image.size;
		segment[i].p_filesz = strlen(loader) + 1;
	}
	strcpy(image.data + image.size, loader);
	write_file(name, image.data, image.size + strlen(loader) + 1, 0755);
}

static void make_folders(void)
{
	static const char *const names[] = {
		"", "secret", "readable", "writable", "programs",
		"writable/hidden", "writable/parent", "writable/parent/hidden",
		"writable/empty",
	};
	unsigned int i;

	for (i = 0; i < COUNT(names); i++) {
		if (mkdir(in_folder(names[i]), 0755))
			die(names[i]);
	}
}

static void make_files(void)
{
	write_file("secret/file", SECRET, SECRET_SIZE, 0644);
	write_file("readable/file", "readable", 8, 0644);
	write_file("writable/file", "writable", 8, 0644);
	write_file("writable/empty/file", "nothing", 7, 0644);
	write_file("writable/hidden/file", SECRET, SECRET_SIZE, 0644);
	write_file("writable/parent/hidden/file", SECRET, SECRET_SIZE, 0644);
	if (symlink("../secret/file", in_folder("writable/link")) ||
	    symlink("../secret", in_folder("writable/folder")) ||
	    symlink("../secret/program", in_folder("programs/link")))
		die("symlink");
}

static void make_programs(void)
{
	static const char *const names[] = {
		"secret/program", "readable/program", "writable/program",
		"writable/hidden/program", "programs/program",
	};
	struct image image = read_image("/proc/self/exe");
	struct image loader = read_image("/lib64/ld-linux-x86-64.so.2");
	unsigned int i;

	for (i = 0; i < COUNT(names); i++)
		write_file(names[i], image.data, image.size, 0755);
	write_file("programs/setuid", image.data, image.size, 04755);
	write_file("secret/ld.so", loader.data, loader.size, 0755);
	write_loaded("programs/loaded", image, in_folder("secret/ld.so"));
	write_script("programs/script", "secret/program");
	write_script("programs/second", "programs/script");
}

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

static void make_sockets(void)
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
static pid_t victim;

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

static void pass_descriptor(int to, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec data = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	sendmsg(to, &message, MSG_NOSIGNAL);
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
		pass_descriptor(fd, secret);
		close(fd);
	}
}

static int shared_id;

static void make_victim(void)
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

/* What must be as before, whatever was tried. */
static const char *const kept[] = {
	"secret", "secret/file", "secret/program", "readable", "readable/file",
	"readable/program", "programs", "programs/program", "writable/hidden",
	"writable/hidden/file", "writable/parent/hidden",
	"writable/parent/hidden/file",
};

static struct stat before[COUNT(kept)];

static void look_at_files(struct stat *stats)
{
	unsigned int i;

	for (i = 0; i < COUNT(kept); i++) {
		if (lstat(in_folder(kept[i]), &stats[i]))
			memset(&stats[i], 0, sizeof(*stats));
		/* to read them is no harm, for those that may */
		memset(&stats[i].st_atim, 0, sizeof(stats[i].st_atim));
	}
}

static void check_files(void)
{
	struct stat now[COUNT(kept)];
	unsigned int i;

	look_at_files(now);
	for (i = 0; i < COUNT(kept); i++) {
		if (memcmp(&now[i], &before[i], sizeof(*now)))
			harm = kept[i];
	}
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

static void check_victim(void)
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

static void check_sockets(void)
{
	struct pollfd polled = { .events = POLLIN };
	unsigned int i;

	for (i = 0; i < forbidden_count; i++) {
		polled.fd = forbidden[i];
		if (poll(&polled, 1, 0) > 0)
			harm = "a socket";
	}
}

/* The supervisor's mappings. */
struct mapping {
	uint64_t start, end;
	char perms[5];
	char first[16];
};

static const char of_supervisor[] = "memory of the supervisor";
static struct mapping mappings[256];
static unsigned int mapping_count;
static pid_t asker;

static bool is_supervisors(uint64_t start, const char *path)
{
	const char *slash = strrchr(path, '/');

	return (start >= 0x4a0000000000 && start < 0x4c0000000000) ||
	       strstr(slash ?: path, "dune");
}

static FILE *open_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

/* Memory of another process, by way of /proc: also what it may not see. */
static void peek(pid_t pid, struct mapping *mapping)
{
	FILE *memory = open_of(pid, "mem");

	memset(mapping->first, 0, sizeof(mapping->first));
	if (!memory)
		return;
	if (pread(fileno(memory), mapping->first, sizeof(mapping->first),
		  mapping->start) < 0)
		mapping->first[0] = 0;
	fclose(memory);
}

static unsigned int look_at_maps(pid_t pid, struct mapping *list, size_t max,
				 bool all)
{
	FILE *maps = open_of(pid, "maps");
	char line[PATH_MAX + 128], path[PATH_MAX];
	unsigned int count = 0;
	struct mapping *now;

	while (maps && count < max && fgets(line, sizeof(line), maps)) {
		now = &list[count];
		path[0] = 0;
		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %4095s", &now->start,
			   &now->end, now->perms, path) < 3)
			continue;
		if (all || is_supervisors(now->start, path))
			count++;
	}
	if (maps)
		fclose(maps);
	return count;
}

static void remember_maps(pid_t pid)
{
	unsigned int i;

	asker = pid;
	mapping_count = look_at_maps(pid, mappings, COUNT(mappings), false);
	for (i = 0; i < mapping_count; i++)
		peek(pid, &mappings[i]);
}

static bool is_as_before(const struct mapping *old, struct mapping *now)
{
	if (strcmp(old->perms, now->perms))
		return false;
	if (strchr(old->perms, 'w') || !strchr(old->perms, 'r'))
		return true;
	now->start = old->start;
	peek(asker, now);
	return !memcmp(old->first, now->first, sizeof(old->first));
}

/* They may have been split or merged meanwhile, but not be gone. */
static void check_maps(void)
{
	static struct mapping now[4096];
	unsigned int i, j, count;

	count = look_at_maps(asker, now, COUNT(now), true);
	for (i = 0; i < mapping_count; i++) {
		for (j = 0; j < count; j++) {
			if (now[j].start <= mappings[i].start &&
			    now[j].end > mappings[i].start)
				break;
		}
		if (j == count || !is_as_before(&mappings[i], &now[j]))
			harm = of_supervisor;
	}
}

/* It has not opened any yet: all but three are somebody else's. */
static void tell_descriptors(FILE *to, pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *list;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	list = opendir(path);
	while (list && (entry = readdir(list))) {
		if (atoi(entry->d_name) > 2)
			fprintf(to, " f%s", entry->d_name);
	}
	if (list)
		closedir(list);
}

/* The first page of each; of many the last ones as well. */
static void tell_targets(FILE *to)
{
	unsigned int i, step = mapping_count / 16 + 1;

	for (i = 0; i < mapping_count; i += step)
		fprintf(to, " a%lx", mappings[i].start);
}

static void tell(FILE *to, pid_t pid)
{
	remember_maps(pid);
	fprintf(to, "v%d p%d", victim, getpid());
	tell_descriptors(to, pid);
	tell_targets(to);
	fprintf(to, "\n");
	fflush(to);
}

/**
 * struct ends - ours of what the command has
 * @pid: of it
 * @process: descriptor that tells when it has ended
 * @in: its standard input
 * @out: its standard output
 * @terminal: master of its standard error
 * @slave: that
 */
struct ends {
	pid_t pid;
	int process;
	FILE *in;
	int out, terminal, slave;
};

static void check_terminal(struct ends *ends)
{
	int count = 0;

	if (!ioctl(ends->slave, FIONREAD, &count) && count)
		harm = "a terminal";
}

static void check_all(struct ends *ends)
{
	check_files();
	check_victim();
	check_sockets();
	check_terminal(ends);
}

static const char *outcome(const struct attack *attack, int status, char *text)
{
	char name[32];

	if (WIFSIGNALED(status)) {
		sprintf(name, "SIG%s", sigabbrev_np(WTERMSIG(status)) ?: "?");
		sprintf(text, "ended by %s", name);
		return strstr(attack->fits, name) ? "refused" : text;
	}
	switch (WEXITSTATUS(status)) {
	case 0: return "refused";
	case 1: return "unexpected";
	case CANNOT: return "untried";
	case SUCCEEDED: return "escaped";
	}
	sprintf(text, "ended with %d", WEXITSTATUS(status));
	return text;
}

/* What one has made where it may, the next one is not to find. */
static void tidy(void)
{
	static const char *const names[] = {
		"own", "one", "two", "new", "node", "seen", "other",
	};
	const char *empty = in_folder("writable/empty");
	const char *two = in_folder("writable/two");
	char path[64];
	unsigned int i;

	/* they may have changed places */
	if (unlink(empty) == 0)
		rename(two, empty);
	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "writable/%s", names[i]);
		unlink(in_folder(path));
	}
}

/* Of one of several, by its name and how it ended. */
static void tell_outcome(struct ends *ends, char *line)
{
	const struct attack *attack;
	char *end = strchr(line, ' ') ?: line, text[64];

	*end = 0;
	attack = find_attack(line);
	check_all(ends);
	if (!attack)
		return;
	printf("= %s %s\n", attack->name,
	       harm ? "harmed" : outcome(attack, atoi(end + 1), text));
	/* what comes after that would be blamed for it, but in other memory */
	if (harm && harm != of_supervisor)
		kill(ends->pid, SIGKILL);
	else
		harm = NULL;
	tidy();
}

static void answer(struct ends *ends)
{
	char line[256];
	ssize_t size = read(ends->out, line, sizeof(line) - 1);

	if (size <= 0)
		return;
	line[size] = 0;
	if (line[0] == '?') {
		tell(ends->in, atoi(line + 1));
		return;
	}
	if (line[0] == '!' || line[0] == '=') {
		if (line[0] == '!')
			check_maps();
		else
			tell_outcome(ends, line + 1);
		fprintf(ends->in, "\n");
		fflush(ends->in);
		return;
	}
	printf("# %s\n", line);
}

static void show_errors(struct ends *ends)
{
	char text[1024], *line, *rest;
	ssize_t size = read(ends->terminal, text, sizeof(text) - 1);

	if (size <= 0)
		return;
	text[size] = 0;
	for (line = strtok_r(text, "\r\n", &rest); line;
	     line = strtok_r(NULL, "\r\n", &rest))
		printf("# %s\n", line);
}

static int open_terminal(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios settings;

	if (master < 0 || grantpt(master) || unlockpt(master))
		die("terminal");
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0 || tcgetattr(*slave, &settings))
		die("terminal");
	cfmakeraw(&settings);
	tcsetattr(*slave, TCSANOW, &settings);
	fcntl(master, F_SETFL, O_NONBLOCK);
	return master;
}

static void be_nobody(void)
{
	if (setgid(65534) || setuid(65534))
		_exit(126);
}

/* What it changes of the machine is its own, where there is no sandbox. */
static void keep_apart(void)
{
	if (!unshare(CLONE_NEWNS | CLONE_NEWUTS))
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* attack_signals.c: it has to live until there is a handler */
static void ignore_some(void)
{
	int i;

	for (i = SIGRTMIN; i <= SIGRTMAX; i++)
		signal(i, SIG_IGN);
}

static void run_command(const struct attack *attack, char **argv, int in, int out,
			int err)
{
	keep_apart();
	ignore_some();
	setpgid(0, victim);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	if (attack->as_nobody)
		be_nobody();
	execvp(argv[0], argv);
	_exit(127);
}

static void start(struct ends *ends, const struct attack *attack, char **argv)
{
	int in[2], out[2];

	ends->terminal = open_terminal(&ends->slave);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe");
	ends->pid = fork();
	if (ends->pid < 0)
		die("fork");
	if (!ends->pid)
		run_command(attack, argv, in[0], out[1], ends->slave);
	close(in[0]);
	close(out[1]);
	ends->in = fdopen(in[1], "we");
	ends->out = out[0];
	ends->process = syscall(SYS_pidfd_open, ends->pid, 0);
}

/* Until it ends; or for long enough. Tells whether it has. */
static bool attend(struct ends *ends)
{
	struct pollfd polled[3] = {
		{ .fd = ends->process, .events = POLLIN },
		{ .fd = ends->out, .events = POLLIN },
		{ .fd = ends->terminal, .events = POLLIN },
	};
	const time_t end = time(NULL) + SECONDS;

	while (time(NULL) < end) {
		if (poll(polled, 3, 1000) < 0 && errno != EINTR)
			die("poll");
		if (polled[1].revents & POLLIN)
			answer(ends);
		else if (polled[1].revents)
			polled[1].fd = -1;
		if (polled[2].revents)
			show_errors(ends);
		if (polled[0].revents && !(polled[1].revents & POLLIN))
			return true;
	}
	return false;
}

static void clean_up(struct ends *ends)
{
	kill(-victim, SIGKILL);
	kill(victim, SIGKILL);
	shmctl(shared_id, IPC_RMID, NULL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	close(ends->slave);
}

static void act(const struct attack *attack, char **argv)
{
	struct ends ends;
	char text[64];
	int status;
	bool ended;

	start(&ends, attack, argv);
	ended = attend(&ends);
	check_all(&ends);
	if (!ended)
		kill(ends.pid, SIGKILL);
	waitpid(ends.pid, &status, 0);
	show_errors(&ends);
	clean_up(&ends);
	if (!ended)
		printf("hung\n");
	else if (harm)
		printf("# harmed: %s\nharmed\n", harm);
	else
		printf("%s\n", outcome(attack, status, text));
}

int stage(int argc, char **argv)
{
	const struct attack *attack = NULL;
	char first[64];

	if (argc > 2 && sscanf(argv[1], "%63[^,]", first) == 1)
		attack = find_attack(first);
	folder = argv[0];
	if (!attack)
		die("attack");
	/* a descriptor that is left over would be taken for the supervisor's */
	close_range(3, ~0U, 0);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	make_folders();
	make_programs();
	make_files();
	make_sockets();
	make_victim();
	look_at_files(before);
	fflush(stdout);
	act(attack, argv + 2);
	return 0;
}
