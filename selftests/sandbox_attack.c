// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries one way out of a sandbox. It knows nothing of Dune but where to look.
 *
 * sandbox_attack NAME FOLDER [--stand-in]: 42 when it is out, 0 when it was
 * refused as is fit, 3 when it cannot be tried here, 1 for any other outcome.
 * NAME,NAME,...: one after the other, each by a child.
 */
#include "attack.h"

#include <ctype.h>
#include <libgen.h>

struct knowledge known;
uint64_t target;
int target_fd;
char *own_page, *own_hole;
static const char *folder;
static bool alone;

const struct attack *find_attack(const char *name)
{
	const struct attack *const *attack;

	for (attack = __start_attacks; attack < __stop_attacks; attack++) {
		if (!strcmp((*attack)->name, name))
			return *attack;
	}
	return NULL;
}

/* A path in the folder of this attack; a few of them live at a time. */
const char *at(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

int result_of(long result)
{
	return result < 0 ? -errno : SUCCEEDED;
}

/* Not all machines have what it needs. */
int if_possible(int result)
{
	return known.bare && result != SUCCEEDED ? CANNOT : result;
}

/* The kernel may be without a call. */
int if_there(int result)
{
	return known.bare && result == -ENOSYS ? CANNOT : result;
}

int has_secret(int fd)
{
	char text[SECRET_SIZE];

	if (fd < 0)
		return -errno;
	if (pread(fd, text, sizeof(text), 0) != sizeof(text))
		return -errno;
	return memcmp(text, SECRET, sizeof(text)) ? HELD : SUCCEEDED;
}

/* For reading it has to have what is to be kept; for writing it is enough. */
int opens(const char *path, int flags)
{
	int fd = open(path, flags, 0600);
	int result = has_secret(fd);

	if (fd < 0)
		return result;
	close(fd);
	return (flags & O_ACCMODE) == O_RDONLY ? result : SUCCEEDED;
}

int zeroes(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/zero", O_RDWR);
	if (fd >= 0)
		return fd;
	/* it need not be allowed */
	fd = memfd_create("zero", 0);
	if (fd >= 0 && ftruncate(fd, 1 << 20))
		return -1;
	return fd;
}

/* One with something in it to read. */
int *pipe_ends(void)
{
	static int ends[2] = { -1, -1 };

	if (ends[0] < 0 && (pipe(ends) || write(ends[1], ends, 8) != 8))
		return NULL;
	return ends;
}

/* Where it goes on after a fault. */
static struct landing {
	sigjmp_buf place;
} *escape;

static void on_fault(int signal)
{
	/* no matter how it was left: that no access need be aligned */
	asm volatile("pushf; andl $~0x40000, (%%rsp); popf" ::: "memory", "cc");
	if (!escape)
		_exit(1);
	siglongjmp(escape->place, signal);
}

static const int faults[] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS,
};

static void set_handlers(void (*handler)(int signal))
{
	static char stack[64 << 10];
	const stack_t alternative = {
		.ss_sp = stack, .ss_size = sizeof(stack),
	};
	struct sigaction action = {
		.sa_handler = handler, .sa_flags = SA_ONSTACK,
	};
	unsigned int i;

	sigaltstack(&alternative, NULL);
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaction(faults[i], &action, NULL);
}

static int try_here(int (*function)(void))
{
	struct landing here;
	int signal = sigsetjmp(here.place, 1);

	if (signal)
		return SIGNAL(signal);
	escape = &here;
	return function();
}

int attempt(int (*function)(void))
{
	struct landing *before = escape;
	int result = try_here(function);

	escape = before;
	return result;
}

/* What it does to itself does not outlast it; nor are signals caught. */
int in_child(int (*function)(void))
{
	int *result = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		set_handlers(SIG_DFL);
		*result = function();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return SIGNAL(WTERMSIG(status));
	return WEXITSTATUS(status) == SUCCEEDED ? SUCCEEDED : *result;
}

int at_each_target(int (*function)(void))
{
	int result = CANNOT;
	unsigned int i;

	for (i = 0; i < known.target_count && result != SUCCEEDED; i++) {
		target = known.targets[i];
		result = attempt(function);
	}
	return result;
}

int at_each_fd(int (*function)(void))
{
	int result = CANNOT;
	unsigned int i;

	for (i = 0; i < known.fd_count && result != SUCCEEDED; i++) {
		target_fd = known.fds[i];
		result = attempt(function);
	}
	return result;
}

static int flipping, flips;

static void *flip_on(void *flip)
{
	while (__atomic_load_n(&flipping, __ATOMIC_RELAXED)) {
		((void (*)(void))flip)();
		/* not in step with the other, which would see one of the two */
		if (__atomic_add_fetch(&flips, 1, __ATOMIC_RELAXED) % 3)
			sched_yield();
	}
	return NULL;
}

/*
 * Has the other thread done its part, or not got to it so far? Outside it
 * succeeds sooner or later; who cannot see that itself goes on for a while.
 */
static bool is_enough(int i, int rounds, time_t since)
{
	int done = __atomic_load_n(&flips, __ATOMIC_RELAXED);

	if (known.bare && time(NULL) - since < 8)
		rounds *= 100;
	return i >= rounds && (done > rounds / 10 || i >= 10 * rounds);
}

/* Another thread changes things meanwhile. */
long flip_while(void (*flip)(void), int (*function)(void), int rounds)
{
	const time_t since = time(NULL);
	pthread_t thread;
	int result = HELD, i;

	flips = 0;
	flipping = 1;
	if (pthread_create(&thread, NULL, flip_on, flip))
		return -EAGAIN;
	for (i = 0; !is_enough(i, rounds, since) && result != SUCCEEDED; i++) {
		result = function();
		sched_yield();
	}
	__atomic_store_n(&flipping, 0, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return result;
}

/* What the supervisor would have, for a run without one. */
static void set_stand_ins(void)
{
	char *data = mmap((void *)0x4b8000000000, 4 * PAGE,
			  PROT_READ | PROT_WRITE | PROT_EXEC, MAP_FIXED |
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *code = mmap((void *)0x4a0000000000, PAGE, PROT_READ | PROT_WRITE,
			  MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(at("secret/file"), O_RDWR);

	memcpy(data, STAND_IN_CODE, sizeof(STAND_IN_CODE));
	memcpy(code, STAND_IN_CODE, sizeof(STAND_IN_CODE));
	mprotect(code, PAGE, PROT_READ | PROT_EXEC);
	/* not ones that new descriptors would have */
	dup2(fd, 900);
	close(fd);
	fd = open("/dev/dune", O_RDWR);
	dup2(fd, 901);
	close(fd);
	known.bare = true;
}

/* A word each: its first letter says what it is. */
static void take_knowledge(char *line)
{
	char *rest, *word;

	for (word = strtok_r(line, "\n ", &rest); word;
	     word = strtok_r(NULL, "\n ", &rest)) {
		if (*word == 'v')
			known.victim = atoi(word + 1);
		else if (*word == 'p')
			known.parent = atoi(word + 1);
		else if (*word == 'f' && known.fd_count < 16)
			known.fds[known.fd_count++] = atoi(word + 1);
		else if (*word == 'a' && known.target_count < 16)
			known.targets[known.target_count++] =
				strtoull(word + 1, NULL, 16);
	}
}

/* The stage is at the other end of the standard input and output. */
static void ask(char what)
{
	char line[1024];

	if (alone)
		return;
	snprintf(line, sizeof(line), "%c%d\n", what, getpid());
	if (write(1, line, strlen(line)) < 0)
		return;
	if (!fgets(line, sizeof(line), stdin) || what != '?')
		return;
	take_knowledge(line);
	/* by hand, without a stage: where they usually are */
	known.is_told = known.target_count && known.fd_count;
	if (!known.target_count) {
		known.targets[known.target_count++] = 0x4a0000000000;
		known.targets[known.target_count++] = 0x4b8000000000;
	}
}

static const char *name_of(int result, char *name, size_t size)
{
	if (result == HELD)
		return "HELD";
	if (result < 0)
		return strerrorname_np(-result) ?: "error";
	snprintf(name, size, "SIG%s", sigabbrev_np(result - SIGNAL(0)) ?: "?");
	return name;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (; (words = strstr(words, word)); words += len) {
		if (!words[len] || words[len] == ' ')
			return true;
	}
	return false;
}

static int judge(const struct attack *attack, int result)
{
	char text[32];
	const char *name = name_of(result, text, sizeof(text));

	if (result == SUCCEEDED || result == CANNOT)
		return result;
	fprintf(stderr, "%s: %s\n", attack->name, name);
	if (has_word(attack->fits, name))
		return 0;
	fprintf(stderr, "%s: expected: %s\n", attack->name, attack->fits);
	return 1;
}

static int list(void)
{
	static const char *const controls[] = {
		[OUTSIDE] = "outside", [WITHIN] = "within",
		[RING0] = "ring0",
		[NOWHERE] = "nowhere", [UNTRIED] = "untried",
	};
	const struct attack *const *attack;

	for (attack = __start_attacks; attack < __stop_attacks; attack++)
		printf("%s %s %s\n", (*attack)->name,
		       controls[(*attack)->control], (*attack)->fits);
	return 0;
}

static int try(const struct attack *attack)
{
	int result;

	known.own_parent = getppid();
	own_page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	own_hole = own_page + PAGE;
	munmap(own_hole, 2 * PAGE);
	set_handlers(on_fault);
	ask('?');
	result = judge(attack, attempt(attack->try));
	ask('!');
	return result;
}

/* What the policy is to allow: else all would be refused, and nothing shown. */
ATTACK(what_is_allowed, NOWHERE, "HELD")
{
	char text[4];
	int status, fd = open(at("readable/file"), O_RDONLY);
	pid_t pid;

	if (read(fd, text, 4) != 4 || memcmp(text, "read", 4))
		return -errno;
	fd = open(at("writable/new"), O_CREAT | O_RDWR, 0600);
	if (write(fd, text, 4) != 4)
		return -errno;
	pid = fork();
	if (!pid) {
		execl(at("programs/program"), "program", "--escaped", NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WEXITSTATUS(status) == SUCCEEDED ? HELD : -WEXITSTATUS(status);
}

/* Others would be refused for nothing if these were not the supervisor's. */
ATTACK(knows_where, NOWHERE, "HELD")
{
	return known.is_told ? HELD : -ENOENT;
}

static void try_in_child(const char *name, bool bare)
{
	const struct attack *attack = find_attack(name);
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGUSR1, SIG_DFL);
		if (bare)
			set_stand_ins();
		_exit(attack ? try(attack) : 2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		status = 2 << 8;
	dprintf(1, "=%s %d\n", name, status);
	/* which may take a look before it goes on */
	if (read(0, &status, 1) < 0)
		_exit(2);
}

/* One of them may send signals to all that are here. */
static int try_all(char *names, bool bare)
{
	char *rest, *name;

	signal(SIGUSR1, SIG_IGN);
	for (name = strtok_r(names, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest))
		try_in_child(name, bare);
	return 0;
}

/* It is one of the programs that may not be executed, and was. */
static bool is_escape(int argc, char **argv)
{
	return strstr(argv[0], "secret/") ||
	       (argc > 1 && !strcmp(argv[1], "--escaped"));
}

int main(int argc, char **argv)
{
	const struct attack *attack;

	if (is_escape(argc, argv))
		return SUCCEEDED;
	if (argc > 1 && !strcmp(argv[1], "--root"))
		return geteuid() ? 1 : SUCCEEDED;
	if (argc > 1 && !strcmp(argv[1], "--list"))
		return list();
	if (argc > 3 && !strcmp(argv[1], "--stage"))
		return stage(argc - 2, argv + 2);
	if (argc > 2 && strchr(argv[1], ',')) {
		folder = argv[2];
		return try_all(argv[1], argc > 3);
	}
	attack = argc > 2 ? find_attack(argv[1]) : NULL;
	if (!attack) {
		fprintf(stderr, "usage: %s NAME FOLDER\n", basename(argv[0]));
		return 2;
	}
	folder = argv[2];
	if (argc > 3 && !strcmp(argv[3], "--stand-in"))
		set_stand_ins();
	/* as part of another one, which is asking already */
	alone = argc > 3 && !strcmp(argv[3], "--alone");
	return try(attack);
}
