resource "aws_security_group" "database" {
  name        = "circleci-database"
  description = "PostgreSQL, from the Services machine only"
  vpc_id      = data.aws_vpc.default.id

  ingress {
    description     = "PostgreSQL"
    protocol        = "tcp"
    from_port       = var.postgresql_port
    to_port         = var.postgresql_port
    security_groups = [aws_security_group.services.id]
  }
}

# Survives the loss of a zone, of a disk, and of patience.
resource "aws_db_instance" "pg" {
  identifier             = "circleci"
  engine                 = "postgres"
  engine_version         = "15"
  instance_class         = "db.m5.large"
  allocated_storage      = 100
  storage_type           = "gp3"
  storage_encrypted      = true
  multi_az               = true
  port                   = var.postgresql_port
  username               = "circle_master"
  password               = random_password.drawn["postgresql master"].result
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  backup_retention_period = 7
  backup_window           = "03:00-04:00"
  maintenance_window      = "sun:04:30-sun:05:30"
  copy_tags_to_snapshot   = true
  deletion_protection     = var.deletion_protection
  skip_final_snapshot     = true # It is a quick start. Leave this out where data matters.
}

resource "postgresql_role" "circle" {
  name     = "circle"
  login    = true
  password = random_password.drawn["postgresql circle"].result
}

resource "postgresql_database" "circle" {
  name  = "circle"
  owner = postgresql_role.circle.name
}

resource "postgresql_extension" "circle" {
  for_each = toset(["pgcrypto", "uuid-ossp"])

  name     = each.key
  database = postgresql_database.circle.name
}
