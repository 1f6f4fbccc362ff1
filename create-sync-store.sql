CREATE DATABASE sync_store;
