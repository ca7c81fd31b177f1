{{/* What the schema can't say: settings that contradict each other, in sentences. Included once, by configmap.yaml. */}}
{{- define "kafka-ml.validate" -}}
{{- $problems := list -}}
{{- with .Values -}}
{{- if .dev.enabled -}}
{{- if .kafka.bootstrapServers }}{{ $problems = append $problems "dev.enabled brings its own Kafka: leave kafka.bootstrapServers empty, or dev.enabled false." }}{{ end -}}
{{- if ne .kafka.securityProtocol "PLAINTEXT" }}{{ $problems = append $problems "The Kafka of dev.enabled speaks PLAINTEXT only: leave kafka.securityProtocol as it is." }}{{ end -}}
{{- if .database.existingSecret }}{{ $problems = append $problems "dev.enabled brings its own PostgreSQL: leave database.existingSecret empty, or dev.enabled false." }}{{ end -}}
{{- if or .objectStore.endpoint .objectStore.existingSecret }}{{ $problems = append $problems "dev.enabled brings its own MinIO: leave objectStore.endpoint and objectStore.existingSecret empty, or dev.enabled false." }}{{ end -}}
{{- if .objectStore.tls.existingSecret }}{{ $problems = append $problems "The MinIO of dev.enabled speaks no TLS: leave objectStore.tls.existingSecret empty." }}{{ end -}}
{{- else -}}
{{- if not .kafka.bootstrapServers }}{{ $problems = append $problems "kafka.bootstrapServers says where Kafka is, as host:port (or set dev.enabled=true to try Kafka-ML with one inside the cluster)." }}{{ end -}}
{{- if not .database.existingSecret }}{{ $problems = append $problems "database.existingSecret names the Secret with the key KAFKA_ML_DATABASE_URL." }}{{ end -}}
{{- if not .objectStore.endpoint }}{{ $problems = append $problems "objectStore.endpoint says where the object store is, as host:port." }}{{ end -}}
{{- if not .objectStore.existingSecret }}{{ $problems = append $problems "objectStore.existingSecret names the Secret with the keys KAFKA_ML_S3_ACCESS_KEY and KAFKA_ML_S3_SECRET_KEY." }}{{ end -}}
{{- end -}}
{{- if and (include "kafka-ml.sasl" $) (not .kafka.existingSecret) }}{{ $problems = append $problems (printf "kafka.securityProtocol=%s needs kafka.existingSecret, with the keys KAFKA_ML_KAFKA_SASL_USERNAME and KAFKA_ML_KAFKA_SASL_PASSWORD." .kafka.securityProtocol) }}{{ end -}}
{{- if and .kafka.existingSecret (not (include "kafka-ml.sasl" $)) }}{{ $problems = append $problems (printf "kafka.existingSecret is not used with kafka.securityProtocol=%s: choose SASL_SSL or SASL_PLAINTEXT, or leave it empty." .kafka.securityProtocol) }}{{ end -}}
{{- if and .kafka.tls.existingSecret (not (include "kafka-ml.tls" $)) }}{{ $problems = append $problems (printf "kafka.tls.existingSecret is not used with kafka.securityProtocol=%s: choose SSL or SASL_SSL, or leave it empty." .kafka.securityProtocol) }}{{ end -}}
{{- if and .kafka.tls.clientCertificate (not .kafka.tls.existingSecret) }}{{ $problems = append $problems "kafka.tls.clientCertificate needs kafka.tls.existingSecret, with the keys ca.crt, tls.crt and tls.key." }}{{ end -}}
{{- if and .workloads.kafkaSecret (not (include "kafka-ml.sasl" $)) }}{{ $problems = append $problems (printf "workloads.kafkaSecret is not used with kafka.securityProtocol=%s." .kafka.securityProtocol) }}{{ end -}}
{{- if and (hasPrefix "verify" .database.tls.mode) (not .database.tls.existingSecret) }}{{ $problems = append $problems (printf "database.tls.mode=%s needs database.tls.existingSecret, with the key ca.crt." .database.tls.mode) }}{{ end -}}
{{- if and .objectStore.tls.existingSecret (not .objectStore.secure) }}{{ $problems = append $problems "objectStore.tls.existingSecret is not used with objectStore.secure=false." }}{{ end -}}
{{- if and .api.ingress.enabled (not .api.ingress.hosts) }}{{ $problems = append $problems "api.ingress.enabled needs api.ingress.hosts: the API answers only for names that it knows." }}{{ end -}}
{{- with .api.autoscaling }}{{ if and .enabled (lt (int .maxReplicas) (int .minReplicas)) }}{{ $problems = append $problems (printf "api.autoscaling.maxReplicas=%v is less than minReplicas=%v." .maxReplicas .minReplicas) }}{{ end }}{{ end -}}
{{- range $part := list "api" "control" "scheduler" "workloads" -}}
{{- range $variable, $_ := (get $.Values $part).env -}}
{{- if regexMatch "(PASSWORD|SECRET_KEY|ACCESS_KEY|DATABASE_URL|TOKEN)$" $variable }}{{ $problems = append $problems (printf "%s.env.%s would be readable by everybody who may see the release's objects: put it into a Secret, whose name the chart takes." $part $variable) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and .tests.demo.enabled (ne .kafka.securityProtocol "PLAINTEXT") }}{{ $problems = append $problems "tests.demo.enabled works with kafka.securityProtocol=PLAINTEXT only: the demo's producer takes no credentials." }}{{ end -}}
{{- if and .keda.triggerAuthentication (not .keda.enabled) }}{{ $problems = append $problems "keda.triggerAuthentication is not used with keda.enabled=false." }}{{ end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\nThese values make no sense together:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end }}
