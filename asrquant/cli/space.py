"""``space``: send this checkout's commit to a Space on the Hugging Face Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from asrquant.base.files import megabytes
from asrquant.cli.common import Commands
from asrquant.export.hub import check, check_name
from asrquant.export.space import Upload, publish, read_upload, write_folder


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("space", help="send this checkout's commit to a Hugging Face Space (token: HF_TOKEN)")
    parser.add_argument("space", metavar="USER/NAME")
    parser.add_argument("--dry-run", action="store_true", help="list what would be sent, and send nothing")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="write it there instead, to push it with git")
    parser.add_argument("--private", action="store_true", help="make a Space that only its owner sees")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    check_name(args.space)
    elsewhere = args.dry_run or args.folder
    if not elsewhere:
        check(args.space)  # before a list that would be for nothing
    upload = read_upload()
    if args.dry_run:
        print("\n".join(_lines(upload)))
    print(_total(upload))
    if args.folder:
        write_folder(upload, args.folder)
        print(f"written to {args.folder}; docs/space.md says how to push it to {args.space}")
    elif args.dry_run:
        print(f"Nothing was sent to {args.space}.")
    else:
        print(f"sent  {publish(upload, args.space, args.private)}")
    return 0


def _lines(upload: Upload) -> list[str]:
    return [
        f"{len(contents):>10,}  {'LFS' if name in upload.lfs else '':3}  {name}"
        for name, contents in sorted(upload.files.items())
    ]


def _total(upload: Upload) -> str:
    large = [upload.files[name] for name in upload.lfs]
    return (
        f"commit {upload.commit}: {len(upload.files)} files, {megabytes(sum(map(len, upload.files.values())))}, of which "
        f"{len(large)} ({megabytes(sum(map(len, large)))}) go through LFS"
    )
