"""The tests of lazytui. The ground they stand on: sshd, netns, tmux, evil, and conftest."""
