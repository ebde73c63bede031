# `ha output` lists them; `ha output --raw NAME` prints one, the secret ones too.

output "mongodb_uri" {
  description = "What the application connects with: all three hosts."
  value       = data.circleci_customizations.this.mongodb_uri
  sensitive   = true
}

output "mongodb_admin_uri" {
  value     = data.mongodb_uri.admin.uri
  sensitive = true
}

output "mongodb_ca_file" {
  value = local_file.mongodb_ca.filename
}

output "postgresql_uri" {
  value     = data.circleci_customizations.this.postgresql_uri
  sensitive = true
}

output "postgresql_ca_file" {
  value = var.postgresql_ca_file
}

output "aws_endpoint" {
  value = var.aws_endpoint
}

output "autoscaling_group_name" {
  value = aws_autoscaling_group.services.name
}

output "db_instance_identifier" {
  value = aws_db_instance.pg.identifier
}

output "userdata_sha256" {
  value = data.userdata.services.sha256
}
