"""`make cluster`: the services of docker-compose.yaml as processes of this machine, without Docker.

`compose` reads the file, `places` says where hosts, ports and paths of the containers are on this machine,
`image` builds what the Dockerfile builds, `containers` starts and checks one service, `topology` all of them
in the order of their dependencies. `trials` stops parts and looks at what happens (`make cluster-test`).
"""
