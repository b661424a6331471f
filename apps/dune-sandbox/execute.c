// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A program that ring 3 executes begins as this one did: the kernel executes
 * the supervisor anew, which finds the policy and the program by their
 * descriptors. What has to be looked at is looked at before, while the caller
 * can still be told.
 */
#include "sandbox.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/binfmts.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers.h"

#define SCRIPTS		5	/* as many as the kernel takes, one by another */
#define POINTERS	(256UL << 10)
#define OURS		4	/* arguments before those of the program */

/**
 * struct execution - of a program
 * @frame: the call
 * @fd: the program, open for reading; stays so when it is executed
 * @path: as it is to know itself by
 * @head: of the file
 * @script: path of the first script, which its interpreter is to read
 * @interpreters: and what they are called with, from the first script on
 * @words: how many those are
 * @text: where they are
 * @next: free room there
 */
struct execution {
	struct dune_frame *frame;
	long fd;
	char path[PATH_MAX];
	char head[BINPRM_BUF_SIZE + 1];
	char script[PATH_MAX];
	const char *words[2 * SCRIPTS];
	unsigned int count;
	char text[SCRIPTS * (BINPRM_BUF_SIZE + 1)];
	char *next;
};

/* Ring 3 can put nothing in its place; and the next supervisor is to find it. */
static long open_to_keep(const struct place *place)
{
	char link[DESCRIPTOR_PATH];
	long fd;

	descriptor_path(link, place->fd);
	fd = CALL3(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fd : dune_keep_descriptor(fd);
}

static long check_file(const struct place *place)
{
	struct stat stat;
	long err = CALL2(SYS_fstat, place->fd, &stat);

	if (!err && !S_ISREG(stat.st_mode))
		err = -EACCES;
	return err ?: CALL4(SYS_faccessat2, place->fd, "", X_OK,
			    AT_EMPTY_PATH | AT_EACCESS);
}

/* Before it was kept another thread could put another file in its place. */
static bool is_same(long a, long b)
{
	struct stat first, second;

	return !CALL2(SYS_fstat, a, &first) && !CALL2(SYS_fstat, b, &second) &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Opens what a path leads to, and reads its beginning. */
static long open_file(struct execution *execution, long dirfd, char *path,
		      unsigned int how)
{
	struct place place;
	long err;

	find_place(&place, dirfd, path, how, 0);
	err = check_place(execution->frame, &place, RIGHT_EXECUTE) ?:
	      check_file(&place);
	if (!err) {
		execution->fd = open_to_keep(&place);
		if (execution->fd < 0)
			err = execution->fd;
		else if (!is_same(execution->fd, place.fd))
			err = -EACCES;
		text_put(execution->path, execution->path + PATH_MAX,
			 place.path);
	}
	put_place(&place);
	if (err)
		return err;
	memset(execution->head, 0, sizeof(execution->head));
	err = CALL4(SYS_pread64, execution->fd, execution->head,
		    BINPRM_BUF_SIZE, 0);
	return err < 0 ? err : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *add_word(struct execution *execution, const char *from,
			    const char *end)
{
	char *word = execution->next;

	memcpy(word, from, end - from);
	word[end - from] = '\0';
	execution->next += end - from + 1;
	execution->words[execution->count++] = word;
	return word;
}

/* "#! INTERPRETER [ARGUMENT]"; NULL: it is none that the kernel would take. */
static const char *read_interpreter(struct execution *execution)
{
	const char *from = execution->head + 2, *end = from, *last, *word;

	while (*end && *end != '\n')
		end++;
	/* one that is cut off would be another */
	if (!*end && end == execution->head + BINPRM_BUF_SIZE)
		return NULL;
	while (from < end && is_blank(*from))
		from++;
	while (end > from && is_blank(end[-1]))
		end--;
	for (last = from; last < end && !is_blank(*last); last++)
		;
	if (last == from)
		return NULL;
	word = add_word(execution, from, last);
	while (last < end && is_blank(*last))
		last++;
	if (last < end)
		add_word(execution, last, end);
	return word;
}

/* Words of a script whose interpreter is one come before its own. */
static void move_words(struct execution *execution, unsigned int before)
{
	const char *moved[2 * SCRIPTS];
	unsigned int i, new = execution->count - before;

	for (i = 0; i < execution->count; i++)
		moved[i] = execution->words[i];
	for (i = 0; i < new; i++)
		execution->words[i] = moved[before + i];
	for (i = 0; i < before; i++)
		execution->words[new + i] = moved[i];
}

static long follow_scripts(struct execution *execution)
{
	char path[PATH_MAX];
	const char *interpreter;
	unsigned int scripts, before;
	long err;

	for (scripts = 0; text_after(execution->head, "#!"); scripts++) {
		CALL1(SYS_close, execution->fd);
		execution->fd = -1;
		if (scripts == SCRIPTS)
			return -ELOOP;
		before = execution->count;
		interpreter = read_interpreter(execution);
		if (!interpreter)
			return -ENOEXEC;
		text_put(path, path + sizeof(path), interpreter);
		move_words(execution, before);
		err = open_file(execution, AT_FDCWD, path, 0);
		if (err)
			return err;
	}
	return 0;
}

/* Its dynamic loader is looked at again when it is loaded; see open_loader(). */
static long check_loader(const struct execution *execution,
			 const Elf64_Phdr *segment)
{
	char path[PATH_MAX];
	struct place place;
	long got;

	if (segment->p_filesz < 2 || segment->p_filesz > sizeof(path))
		return -ENOEXEC;
	got = CALL4(SYS_pread64, execution->fd, path, segment->p_filesz,
		    segment->p_offset);
	if (got != (long)segment->p_filesz || path[got - 1])
		return -ENOEXEC;
	find_place(&place, AT_FDCWD, path, 0, 0);
	got = check_place(execution->frame, &place, RIGHT_EXECUTE);
	put_place(&place);
	return got;
}

static long check_format(const struct execution *execution)
{
	const Elf64_Ehdr *header = (const void *)execution->head;
	Elf64_Phdr segment;
	unsigned int i;

	if (!text_after(execution->head, ELFMAG) ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_machine != EM_X86_64)
		return -ENOEXEC;
	for (i = 0; i < header->e_phnum; i++) {
		if (CALL4(SYS_pread64, execution->fd, &segment, sizeof(segment),
			  header->e_phoff + i * sizeof(segment)) !=
		    sizeof(segment))
			return -ENOEXEC;
		if (segment.p_type == PT_INTERP)
			return check_loader(execution, &segment);
	}
	return 0;
}

/**
 * copy_pointers() - a list of texts of ring 3's
 * @to: for the addresses, with NULL behind the last
 * @room: in there
 * @from: where the list is; NULL: it is empty
 *
 * The texts stay where they are: it is ring 3's memory, whatever they are when
 * the kernel reads them.
 *
 * Return: how many; -EFAULT; -E2BIG.
 */
static long copy_pointers(uint64_t *to, uint64_t room, uint64_t from)
{
	uint64_t i;

	for (i = 0; i < room; i++) {
		to[i] = 0;
		if (from && copy_in(&to[i], from + i * sizeof(*to),
				    sizeof(*to)))
			return -EFAULT;
		if (!to[i])
			return i;
		if (is_supervisors(to[i], 1))
			return -EFAULT;
	}
	return -E2BIG;
}

/* As dune-sandbox takes it, see main.c. */
static long execute(struct execution *execution, uint64_t argv, uint64_t envp)
{
	uint64_t *list = __builtin_alloca(POINTERS * sizeof(*list));
	uint64_t *next = list + OURS, *end = list + POINTERS;
	char policy_text[24], program_text[24];
	unsigned int i;
	long count;

	for (i = 0; i < execution->count; i++)
		*next++ = (uint64_t)execution->words[i];
	/* the interpreter gets the script for the name that was called */
	if (execution->count)
		*next++ = (uint64_t)execution->script;
	count = copy_pointers(next, end - next, argv);
	if (count < 0)
		return count;
	if (execution->count && count) {
		for (i = 0; i < count; i++)
			next[i] = next[i + 1];
		count--;
	}
	next += count + 1;
	count = copy_pointers(next, end - next, envp);
	if (count < 0)
		return count;
	text_put_number(policy_text, policy_text + sizeof(policy_text),
			policy->self, 10);
	text_put_number(program_text, program_text + sizeof(program_text),
			execution->fd, 10);
	list[0] = (uint64_t)INSIDE;
	list[1] = (uint64_t)policy_text;
	list[2] = (uint64_t)program_text;
	list[3] = (uint64_t)execution->path;
	CALL3(SYS_fcntl, execution->fd, F_SETFD, 0);
	return CALL(SYS_execveat, policy->supervisor, "", list, next,
		    AT_EMPTY_PATH, 0);
}

/* What a script is to be called for its interpreter. */
static void name_script(struct execution *execution, long dirfd,
			const char *path)
{
	char *to = execution->script, *end = to + sizeof(execution->script);

	if (dirfd != AT_FDCWD && path[0] != '/') {
		to = text_put(to, end, "/dev/fd/");
		to = text_put_number(to, end, dirfd, 10);
		if (path[0])
			to = text_put(to, end, "/");
	}
	text_put(to, end, path);
}

static long run(struct dune_frame *frame, long dirfd, uint64_t name,
		uint64_t argv, uint64_t envp, unsigned int how)
{
	struct execution execution = { .frame = frame, .fd = -1 };
	char path[PATH_MAX];
	long err = copy_string(path, name, sizeof(path));

	if (err < 0)
		return err;
	if (path[0] != '/' && dirfd != AT_FDCWD && !is_descriptor(dirfd))
		return -EBADF;
	execution.next = execution.text;
	name_script(&execution, dirfd, path);
	err = open_file(&execution, dirfd, path, how) ?:
	      follow_scripts(&execution) ?: check_format(&execution) ?:
	      execute(&execution, argv, envp);
	/* it has come to nothing */
	if (execution.fd >= 0)
		CALL1(SYS_close, execution.fd);
	return err;
}

long handle_execve(struct dune_frame *frame)
{
	return run(frame, AT_FDCWD, frame->rdi, frame->rsi, frame->rdx, 0);
}

long handle_execveat(struct dune_frame *frame)
{
	unsigned int how = 0;

	if (frame->r8 & ~(uint64_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (frame->r8 & AT_EMPTY_PATH)
		how |= PLACE_EMPTY;
	if (frame->r8 & AT_SYMLINK_NOFOLLOW)
		how |= PLACE_NOFOLLOW;
	return run(frame, (int)frame->rdi, frame->rsi, frame->rdx, frame->r10,
		   how);
}
