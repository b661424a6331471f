// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that know nothing of what they run in: alone, in the sandbox, and
 * with others that look at each of their system calls. All share a CPU, so what
 * any of them executes is counted, and so is what this process does as their
 * client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "supervise.h"

#define CALLS		1000
#define REPEATED	5
#define REQUESTS	50
#define INSERTS		1000
#define TRANSACTIONS	50

/* What the program may write to, and is its home: in memory, not on a disk. */
static char folder[32];

/* To its standard input, and from its standard output. */
static int to_program, from_program;

static int make_folder(void)
{
	strcpy(folder, "/dev/shm/dune-measure-XXXXXX");
	must(mkdtemp(folder), "mkdtemp()");
	must(!setenv("HOME", folder, 1) && !setenv("TMPDIR", folder, 1),
	     "setenv()");
	return 0;
}

static void remove_folder(void)
{
	char command[sizeof(folder) + 8];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	must(!system(command), command);
}

/* A path in the folder; one is valid until the next is asked for. */
static char *in_folder(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Is it there, and what it is to run in? */
static int can_run(const char *program)
{
	static char text[64];

	if (can_supervise(measured->how))
		return -1;
	snprintf(text, sizeof(text), "command -v %s >/dev/null", program);
	if (!system(text))
		return make_folder();
	snprintf(text, sizeof(text), "there is no %s", program);
	return cannot_run(text);
}

static pid_t start(const char *const argv[], int in, int out)
{
	pid_t pid = fork();

	must(pid >= 0, "fork()");
	if (!pid) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		supervise(measured->how, folder, argv);
	}
	return pid;
}

/* One that is told what to do, and answers. */
static void start_talk(const char *const argv[])
{
	int in[2], out[2];

	must(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC), "pipe()");
	start(argv, in[0], out[1]);
	/* or nobody would be told that it ended */
	close(in[0]);
	close(out[1]);
	to_program = in[1];
	from_program = out[0];
}

static void tell(const void *data, size_t size)
{
	must(write(to_program, data, size) == (ssize_t)size, "write()");
}

static void hear(void *data, size_t size)
{
	ssize_t got = read(from_program, data, size);

	if (got >= 0)
		errno = EPIPE;
	must(got == (ssize_t)size, "the program's answer");
}

static int begin_calls(const char *task)
{
	static char path[PATH_MAX];
	const char *argv[3] = { path, task };

	find_part("dune-calls", path);
	if (can_run(path))
		return -1;
	start_talk(argv);
	return 0;
}

static int begin_getpid(void)
{
	return begin_calls("getpid");
}

static int begin_open(void)
{
	return begin_calls("open");
}

static int begin_exec(void)
{
	return begin_calls("exec");
}

/* By its own clock, so that what is said here is not in it. */
static double make_calls(void)
{
	unsigned int operations = measured->operations;
	uint64_t taken;

	tell(&operations, sizeof(operations));
	hear(&taken, sizeof(taken));
	return (double)taken / operations;
}

#define PORT	7001

#define PAGE_BYTES	16384

#define REQUEST	"GET /page HTTP/1.0\r\nHost: localhost\r\n\r\n"

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_folder(name), "we");

	must(file && fputs(text, file) >= 0 && !fclose(file), name);
}

/* As any client does, a connection for each. */
static bool request(void)
{
	const struct sockaddr_in server = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char answer[2 * PAGE_BYTES];
	size_t length = 0;
	ssize_t got = -1;

	must(connection >= 0, "socket()");
	if (!connect(connection, (const void *)&server, sizeof(server)) &&
	    write(connection, REQUEST, strlen(REQUEST)) > 0)
		while ((got = read(connection, answer + length,
				   sizeof(answer) - length)) > 0)
			length += got;
	close(connection);
	return !got && length > PAGE_BYTES && !strncmp(answer + 8, " 200 ", 5);
}

static void wait_for_server(pid_t pid)
{
	errno = ECHILD;
	while (!request()) {
		must(!waitpid(pid, NULL, WNOHANG), "lighttpd");
		usleep(10000);
	}
}

static int begin_lighttpd(void)
{
	const char *argv[5] = { "lighttpd", "-D", "-f" };
	char text[PAGE_BYTES + 1] = "";

	if (can_run(argv[0]))
		return -1;
	snprintf(text, sizeof(text),
		 "server.document-root = \"%s\"\n"
		 "server.bind = \"127.0.0.1\"\n"
		 "server.port = %u\n", folder, PORT);
	write_file("conf", text);
	memset(text, 'x', PAGE_BYTES);
	write_file("page", text);
	argv[3] = in_folder("conf");
	wait_for_server(start(argv, STDIN_FILENO, STDERR_FILENO));
	return 0;
}

static void make_requests(unsigned int operations)
{
	errno = EPROTO;
	while (operations--)
		must(request(), "the server's answer");
}

#define ANSWER	"done\n"

/* All that is said for one sample; the pipe has room for it. */
static char inserts[60000];

static void tell_sqlite3(const char *text)
{
	char answer[sizeof(ANSWER) - 1];

	tell(text, strlen(text));
	hear(answer, sizeof(answer));
	must(!memcmp(answer, ANSWER, sizeof(answer)), "sqlite3");
}

static void write_inserts(const char *first, const char *last)
{
	FILE *file = fmemopen(inserts, sizeof(inserts), "w");
	unsigned int i;

	must(file, "fmemopen()");
	fputs(first, file);
	for (i = 0; i < measured->operations; i++)
		fprintf(file, "insert into t values(%u, 'row %u');\n", i, i);
	fprintf(file, "%sselect 'done';\n", last);
	must(!fclose(file), "fmemopen()");
}

static int start_sqlite3(void)
{
	const char *argv[4] = { "sqlite3", "-batch" };

	if (can_run(argv[0]))
		return -1;
	argv[2] = in_folder("base");
	start_talk(argv);
	tell_sqlite3("create table t(a integer primary key, b text);\n"
		     "select 'done';\n");
	return 0;
}

static int begin_inserts(void)
{
	write_inserts("begin;\n", "commit;\n");
	return start_sqlite3();
}

static int begin_transactions(void)
{
	write_inserts("", "");
	return start_sqlite3();
}

static void empty_table(unsigned int operations)
{
	(void)operations;
	tell_sqlite3("delete from t;\nselect 'done';\n");
}

static void insert(unsigned int operations)
{
	(void)operations;
	tell_sqlite3(inserts);
}

/* A file of this many functions, and a header of the C library's. */
#define FUNCTIONS	40

static void write_source(void)
{
	FILE *file = fopen(in_folder("source.c"), "we");
	unsigned int i;

	must(file, "source.c");
	fputs("#include <stdio.h>\n", file);
	for (i = 0; i < FUNCTIONS; i++)
		fprintf(file, "int f%u(const int *a, int n)\n"
			"{\n"
			"	int i, sum = %u;\n\n"
			"	for (i = 0; i < n; i++)\n"
			"		sum += a[i] > sum ? a[i] * %u : i;\n"
			"	printf(\"%%d\\n\", sum);\n"
			"	return sum;\n"
			"}\n\n", i, i, i);
	must(!fclose(file), "source.c");
}

static int begin_gcc(void)
{
	if (can_run("gcc"))
		return -1;
	write_source();
	return 0;
}

/* From its start to its end: the compiler and the assembler are in it. */
static void compile(unsigned int operations)
{
	const char *argv[5] = { "gcc", "-O2", "-c", "source.c" };
	int status;

	must(!chdir(folder), "chdir()");
	while (operations--) {
		pid_t pid = start(argv, STDIN_FILENO, STDERR_FILENO);

		must(waitpid(pid, &status, 0) == pid, "waitpid()");
		errno = ECHILD;
		must(!status, "gcc");
	}
}

#define GETPID								\
	.row = "getpid of a program", .per = "call",			\
	.operations = CALLS, .begin = begin_getpid,			\
	.value = make_calls, .unit = "ticks", .end = remove_folder
#define OPEN								\
	.row = "open, read and close", .per = "file",			\
	.operations = CALLS, .begin = begin_open,			\
	.value = make_calls, .unit = "ticks", .end = remove_folder
#define EXEC								\
	.row = "fork and exec of a program", .per = "child",		\
	.operations = REPEATED, .begin = begin_exec,			\
	.value = make_calls, .unit = "ticks", .end = remove_folder
#define LIGHTTPD							\
	.row = "lighttpd", .per = "request", .operations = REQUESTS,	\
	.begin = begin_lighttpd, .run = make_requests,			\
	.end = remove_folder
#define SQLITE3								\
	.row = "sqlite3", .per = "insert", .operations = INSERTS,	\
	.begin = begin_inserts, .prepare = empty_table, .run = insert,	\
	.end = remove_folder
#define SQLITE3_ONE							\
	.row = "sqlite3, a transaction each", .per = "insert",		\
	.operations = TRANSACTIONS, .begin = begin_transactions,	\
	.prepare = empty_table, .run = insert, .end = remove_folder
#define GCC								\
	.row = "gcc", .per = "file compiled", .operations = 1,		\
	.begin = begin_gcc, .run = compile, .end = remove_folder

#define LINUX		.how = "Linux"
#define SANDBOX		.how = "dune-sandbox", .others = true
#define PTRACE		.how = "ptrace"
#define NOTIFICATION	.how = "seccomp notification"
#define DISPATCH	.how = "syscall user dispatch"

const struct bench program_benches[] = {
	{ GETPID, LINUX }, { GETPID, SANDBOX }, { GETPID, PTRACE },
	{ GETPID, NOTIFICATION }, { GETPID, DISPATCH },
	{ OPEN, LINUX }, { OPEN, SANDBOX }, { OPEN, PTRACE },
	{ OPEN, NOTIFICATION }, { OPEN, DISPATCH },
	{ EXEC, LINUX }, { EXEC, SANDBOX }, { EXEC, PTRACE },
	{ EXEC, NOTIFICATION }, { EXEC, DISPATCH },
	{ LIGHTTPD, LINUX }, { LIGHTTPD, SANDBOX }, { LIGHTTPD, PTRACE },
	{ LIGHTTPD, NOTIFICATION }, { LIGHTTPD, DISPATCH },
	{ SQLITE3, LINUX }, { SQLITE3, SANDBOX }, { SQLITE3, PTRACE },
	{ SQLITE3, NOTIFICATION }, { SQLITE3, DISPATCH },
	{ SQLITE3_ONE, LINUX }, { SQLITE3_ONE, SANDBOX },
	{ SQLITE3_ONE, PTRACE }, { SQLITE3_ONE, NOTIFICATION },
	{ SQLITE3_ONE, DISPATCH },
	{ GCC, LINUX }, { GCC, SANDBOX }, { GCC, PTRACE },
	{ GCC, NOTIFICATION }, { GCC, DISPATCH },
	{ 0 }
};
