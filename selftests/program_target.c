// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program finds when it begins. What may differ between two runs is in
 * lines that begin with "random".
 */
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/seccomp.h>

extern const Elf64_Ehdr __ehdr_start;

/* Set up by the program itself, from its PT_TLS. */
static __thread int tls = 42;
static int zero[10000];

static void tell_strings(const char *name, char **strings)
{
	for (; strings[0]; strings++) {
		const char *behind = strings[0] + strlen(strings[0]) + 1;

		printf("%s %s%s\n", name, strings[0], strings[1] &&
		       strings[1] != behind ? ", not before the next" : "");
	}
}

static void tell_auxv(const Elf64_auxv_t *auxv)
{
	uint64_t value = auxv->a_un.a_val;
	const uint64_t *words = (const uint64_t *)value;
	const char *text = (const char *)value;
	const char *base = (const char *)&__ehdr_start;
	bool moved = __ehdr_start.e_type == ET_DYN;

	switch (auxv->a_type) {
	case AT_PHDR:
		printf("headers %d\n", text == base + __ehdr_start.e_phoff);
		return;
	case AT_ENTRY:
		printf("entry %d\n", text == (moved ? base : NULL) +
		       __ehdr_start.e_entry);
		printf("random entry %p\n", text);
		return;
	case AT_BASE:
	case AT_SYSINFO_EHDR:
		printf("auxv %lu %.3s\n", auxv->a_type, value ? text + 1 : "-");
		return;
	case AT_RANDOM:
		printf("random bytes %lx %lx\n", words[0], words[1]);
		return;
	case AT_EXECFN:
	case AT_PLATFORM:
		printf("auxv %lu %s\n", auxv->a_type, text);
		return;
	default:
		printf("auxv %lu %lx\n", auxv->a_type, value);
	}
}

static void tell_stack(const void *stack)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end;
	char line[512], rights[5];

	printf("sp %% 16 = %lu\n", (uint64_t)stack % 16);
	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 &&
		    (uint64_t)&maps >= start && (uint64_t)&maps < end)
			printf("stack %s\n", rights);
}

/* This needs no timer of the CPU, so that the vDSO has it on any machine. */
static void tell_time(void)
{
	static const char text[] = "the vDSO knows the time\n";
	struct timespec now = {};

	fflush(stdout);
	/* from here on clock_gettime() as a system call kills */
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	if (!clock_gettime(CLOCK_REALTIME_COARSE, &now) && now.tv_sec)
		if (write(1, text, sizeof(text) - 1) < 0)
			syscall(SYS_exit, 2);
	syscall(SYS_exit, 0);
}

int main(int argc, char **argv, char **envp)
{
	char **end = envp;
	const Elf64_auxv_t *auxv;
	unsigned int i;

	if (argc == 2 && !strcmp(argv[1], "end")) {
		puts("the end");
		return 42;
	}
	while (*end)
		end++;
	printf("argc %d\ntls %d\n", argc, tls);
	/* the C library registered its own, nothing else was in its way */
	printf("rseq %d\n", __rseq_size > 0);
	for (i = 0; i < sizeof(zero) / sizeof(*zero); i++)
		if (zero[i])
			printf("%d is not zero\n", i);
	tell_strings("argument", argv);
	tell_strings("environment", envp);
	for (auxv = (void *)(end + 1); auxv->a_type != AT_NULL; auxv++)
		tell_auxv(auxv);
	tell_stack(argv - 1);
	tell_time();
}
