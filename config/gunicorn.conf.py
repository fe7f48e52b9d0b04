# The web server's habits, read by booking/web/server.py; addresses and numbers of processes are settings (BOOKING_*).

worker_class = "gthread"
backlog = 2048
timeout = 60  # seconds without a sign of life before a process is replaced
graceful_timeout = 15
keepalive = 5
# A process is replaced now and then: what a library leaks stays small.
max_requests = 20_000
max_requests_jitter = 2_000
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
control_socket_disable = True
accesslog = None  # booking/web/observe.py writes one line per request, without addresses of secret links
