// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world around one attack: files, a process and sockets that it is to leave
 * alone. Tells what came of it on the last line, for sandbox_attacks_test.sh:
 * escaped, harmed, refused, untried, or something else.
 *
 * It knows what a debugger would, and tells the attacker: where the memory and
 * the descriptors of the supervisor are.
 */
#include "attack_stage.h"

#include <dirent.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <termios.h>

#define SECONDS		120

const char *folder, *harm;

void die(const char *what)
{
	printf("# %s: %s\nno stage\n", what, strerror(errno));
	exit(1);
}

const char *in_folder(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
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
	remember_files();
	fflush(stdout);
	act(attack, argv + 2);
	return 0;
}
