// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs in ring 3: what the loader says of a program is all that it has to
 * be shown, and its stack has what it needs.
 */
#include "in_dune.h"

#include <asm/prctl.h>
#include <sys/syscall.h>

#define STACK_SIZE	(1UL << 20)

/* Why ring 3 was left. */
#define SET_FS		1
#define ENDED		2

static char *const environment[] = { "A=b", NULL };

static unsigned int answered;

static int show(uint64_t start, uint64_t end)
{
	return dune_map(dune_root_current(), (void *)start, end - start,
			(void *)start, DUNE_PTE_USER | DUNE_PTE_WRITE);
}

static void map_for_ring3(struct dune_frame *frame)
{
	uint64_t size = (frame->rsi + PAGE - 1) & -PAGE;

	if (dune_forward(frame) >= 0 &&
	    show(frame->rax, frame->rax + size))
		frame->rax = -ENOMEM;
}

/* What is the process's own stays: its heap and what the kernel knows of it. */
static void on_syscall(struct dune_frame *frame)
{
	answered++;
	switch (frame->rax) {
	case SYS_exit_group:
		dune_leave_user(frame, ENDED);
	case SYS_arch_prctl:
		if (frame->rdi == ARCH_SET_FS)
			dune_leave_user(frame, SET_FS);
		frame->rax = -EINVAL;
		break;
	case SYS_brk:
		frame->rax = 0;
		break;
	case SYS_set_tid_address:
	case SYS_set_robust_list:
	case SYS_rseq:
		frame->rax = -ENOSYS;
		break;
	case SYS_mmap:
		map_for_ring3(frame);
		break;
	default:
		dune_forward(frame);
	}
}

/* What it exits with. */
static int run(struct dune_user *user)
{
	while (dune_run_user(user) == SET_FS) {
		user->fs_base = user->frame.rsi;
		user->frame.rax = 0;
	}
	return user->result == ENDED ? (int)user->frame.rdi : -1;
}

FIXTURE(program) {
	struct dune_program program;
	int out[2];
};

FIXTURE_VARIANT(program) {
	char *path;
};

FIXTURE_VARIANT_ADD(program, static) {
	.path = "./program_static",
};

FIXTURE_VARIANT_ADD(program, static_pie) {
	.path = "./program_static_pie",
};

FIXTURE_VARIANT_ADD(program, dynamic) {
	.path = "./program_dynamic",
};

FIXTURE_SETUP(program)
{
	struct dune_program *program = &self->program;
	struct dune_range vdso;

	ENTER_DUNE();
	ASSERT_EQ(dune_program_load(program, variant->path), 0);
	ASSERT_EQ(dune_program_vdso(&vdso), 0);
	ASSERT_EQ(show(vdso.start, vdso.end), 0);
	ASSERT_EQ(show(program->image.start, program->image.end), 0);
	if (program->loader_base)
		ASSERT_EQ(show(program->loader.start, program->loader.end), 0);
	ASSERT_EQ(dune_set_syscall_handler(on_syscall, 0), 0);
	ASSERT_EQ(pipe(self->out), 0);
}

FIXTURE_TEARDOWN(program)
{
}

TEST_F(program, it_runs_in_ring_3)
{
	char *const argv[] = { variant->path, "end", NULL };
	struct dune_user user = { .frame.rip = self->program.start };
	char *stack = get_memory(STACK_SIZE), said[16] = "";
	int console = dup(STDOUT_FILENO), status;

	ASSERT_NE(stack, NULL);
	ASSERT_EQ(show((uint64_t)stack, (uint64_t)stack + STACK_SIZE), 0);
	ASSERT_EQ(dune_program_stack(&self->program, argv, environment, stack,
				     STACK_SIZE, &user.frame.rsp), 0);
	dup2(self->out[1], STDOUT_FILENO);
	status = run(&user);
	dup2(console, STDOUT_FILENO);
	EXPECT_EQ(status, 42);
	EXPECT_EQ(read(self->out[0], said, sizeof(said) - 1), 8);
	EXPECT_STREQ(said, "the end\n");
	EXPECT_GT(answered, 5);
}

TEST_HARNESS_MAIN
