# Ciao's kernel and its gateway in a container: docs/remote.md.
#
# `docker build .`, or any other builder, on a machine with a network; `make image` builds it without one, on a Debian
# of its own. BASE is any image of Debian's kind with Python 3.11 or later; what it has for Python, kernels can import.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS dependencies
COPY pyproject.toml constraints.txt deploy/image/ /context/
RUN ["python3", "/context/install.py", "dependencies"]

FROM dependencies AS ciao
COPY README.md LICENSE tools/sbom.py /context/
COPY kernelspec/ /context/kernelspec/
COPY src/ /context/src/
RUN ["python3", "/context/install.py", "ciao"]

FROM ${BASE}
# A name for the user, a home for whichever user it is run as, and nothing with which software is made or rights are
# gained. Of a base that has none of this, nothing is removed.
RUN echo 'ciao:x:1000:1000:Ciao:/home/ciao:/bin/sh' >>/etc/passwd \
 && echo 'ciao:x:1000:' >>/etc/group \
 && mkdir -p /home/ciao && chown 1000:0 /home/ciao && chmod 0775 /home/ciao \
 && for name in pip setuptools wheel; do rm -rf /usr/local/lib/python3*/*-packages/$name \
      /usr/local/lib/python3*/*-packages/$name-*.dist-info /usr/local/bin/$name*; done \
 && rm -rf /usr/local/lib/python3*/ensurepip /var/lib/apt/lists/* \
 && find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
COPY --from=dependencies /opt/ciao/ /opt/ciao/
COPY --from=ciao /out/ /

ENV PATH=/opt/ciao/bin:${PATH} \
    HOME=/home/ciao \
    USER=ciao \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /home/ciao
USER 1000:1000
VOLUME ["/home/ciao", "/tmp"]
EXPOSE 8889
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-I", "-S", "/opt/ciao/image/healthy.py"]
ENTRYPOINT ["python", "-I", "-S", "/opt/ciao/image/init.py", "python", "-m", "ciao"]
CMD ["gateway", "--ip=0.0.0.0"]

ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="Ciao gateway" \
      org.opencontainers.image.description="A Jupyter kernel for Kubeflow, and the gateway through which JupyterLab reaches it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
