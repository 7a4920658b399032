#!/bin/sh
# An sshd of our own in FOLDER, on PORT of every loopback address, until it is told to stop. It lets in one key.
set -eu
folder=$1 port=$2
rm -rf "$folder"
mkdir -p "$folder/home"
ssh-keygen -q -t ed25519 -N '' -f "$folder/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
cat >"$folder/sshd_config" <<CONFIG
ListenAddress 0.0.0.0
Port $port
HostKey $folder/host_key
AuthorizedKeysFile $folder/key.pub
PidFile none
StrictModes no
UsePAM no
MaxStartups 200
PermitRootLogin yes
PasswordAuthentication no
AllowUsers $(id -un)@127.0.0.0/8
Subsystem sftp internal-sftp
SetEnv HOME=$folder/home
CONFIG
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
exec "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f "$folder/sshd_config"
